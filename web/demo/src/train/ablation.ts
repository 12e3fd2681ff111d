/** What each field brings: the same model trained again without it, one field after the other, on the same split. */
import type { FeatherClient } from "featherfm/client";
import { isIdentity, type FieldName } from "./fields.js";
import { leadingFigure } from "./nature.js";
import { cut, figuresOn, fitHalf, natureWith, type Source } from "./run.js";
import type { Settings } from "./settings.js";

/** A model to train in comparison: one field left out, or nothing but the two identities. */
export type Variant = FieldName | "identities";

export interface Ablation {
  /** The leading figure on the held-out ratings by what was left out; what is not measured yet is missing. */
  readonly figures: Readonly<Partial<Record<Variant, number>>>;
  /** What is being trained now; null when it is over or was cancelled. */
  readonly current: { variant: Variant; number: number; fraction: number } | null;
  /** Number of models to train. */
  readonly count: number;
}

/** The models to train; a model of one field has nothing to leave out. */
export function variantsOf({ fields }: Settings): Variant[] {
  const alone = fields.length < 2 ? [] : fields;
  const plain = fields.every(isIdentity) && fields.length === 2;
  return plain ? [...alone] : [...alone, "identities"];
}

const without = (variant: Variant, { fields }: Settings): FieldName[] =>
  variant === "identities" ? ["user", "item"] : fields.filter((name) => name !== variant);

/** Trains and measures every variant, with a report whenever something has changed. */
export async function ablate(
  client: FeatherClient,
  source: Source,
  settings: Settings,
  signal: AbortSignal,
  report: (ablation: Ablation) => void,
): Promise<void> {
  const variants = variantsOf(settings);
  const count = variants.length;
  let figures: Ablation["figures"] = {};
  const nature = natureWith(settings, source);
  const { metric } = leadingFigure(nature);
  const halves = await cut(client, source, settings);
  try {
    for (const [k, variant] of variants.entries()) {
      const show = (fraction: number) => {
        report({
          figures,
          count,
          current: { variant, number: k + 1, fraction: (k + fraction) / count },
        });
      };
      signal.throwIfAborted();
      show(0);
      const model = await fitHalf(
        client,
        halves,
        { ...settings, fields: without(variant, settings) },
        source,
        {
          signal,
          onProgress: ({ fraction }) => {
            show(fraction);
          },
        },
      );
      try {
        const contender = { model, ...nature, name: variant, test: halves.test };
        const { train } = halves;
        const measured = await figuresOn(client, contender, [metric], {
          train,
          scale: source.scale,
        });
        figures = { ...figures, [variant]: measured[metric] };
      } finally {
        model.close();
      }
    }
  } finally {
    halves.train.close();
    halves.test.close();
    report({ figures, count, current: null });
  }
}
