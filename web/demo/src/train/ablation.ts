/** What each field brings: the same model trained again without it, one field after the other, on the same split. */
import type { FeatherClient } from "featherfm/client";
import { isIdentity, type FieldName } from "./fields.js";
import { cut, errorOn, fitHalf, predictionOf, type Source } from "./run.js";
import type { Settings } from "./settings.js";

/** A model to train in comparison: one field left out, or nothing but the two identities. */
export type Variant = FieldName | "identities";

export interface Ablation {
  /** Error on the held-out ratings by what was left out; what is not measured yet is missing. */
  readonly errors: Readonly<Partial<Record<Variant, number>>>;
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
  let errors: Ablation["errors"] = {};
  const halves = await cut(client, source, settings);
  try {
    for (const [k, variant] of variants.entries()) {
      const show = (fraction: number) => {
        report({
          errors,
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
        {
          signal,
          onProgress: ({ fraction }) => {
            show(fraction);
          },
        },
      );
      try {
        const error = await errorOn(client, model, halves.test, predictionOf(settings));
        errors = { ...errors, [variant]: error };
      } finally {
        model.close();
      }
    }
  } finally {
    halves.train.close();
    halves.test.close();
    report({ errors, count, current: null });
  }
}
