/** Plain rows of real-valued columns, for models without users and items. */
import type { Core, CoreRows } from "./core.js";
import { checkOwned, Owned } from "./core.js";
import { resolveSplit, toNumbers, toWholeNumbers } from "./dataset.js";
import { ArgumentError, show } from "./errors.js";
import { checkFieldName } from "./features.js";
import { parseLibsvm, writeLibsvm } from "./libsvm.js";
import {
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "./options/checks.js";
import type { Rows, RowsInput, Split, SplitOptions } from "./types.js";

const inputNames = ["values", "columns", "indices", "offsets", "targets", "weights", "fields"];

/** CSR of dense rows: entries that are zero are left out. */
function sparse(values: Float32Array, columns: number) {
  const rows = columns === 0 ? 0 : values.length / columns;
  const offsets = new Uint32Array(rows + 1);
  const indices: number[] = [];
  const kept: number[] = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const value = values[r * columns + c] as number;
      if (value === 0) continue;
      indices.push(c);
      kept.push(value);
    }
    offsets[r + 1] = indices.length;
  }
  return { offsets, indices: Uint32Array.from(indices), values: Float32Array.from(kept) };
}

function readMatrix(input: RowsInput, columns: number) {
  const values = toNumbers(input.values, "values", Float32Array);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new ArgumentError(
      "NOT_FINITE",
      `values[${bad}] must be finite in 32 bits; got ${values[bad]}`,
      "values",
    );
  }
  if ((input.indices === undefined) !== (input.offsets === undefined)) {
    const missing = input.indices === undefined ? "indices" : "offsets";
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `sparse rows need indices and offsets; ${missing} is missing`,
      missing,
    );
  }
  if (input.indices !== undefined && input.offsets !== undefined) {
    const indices = toWholeNumbers(input.indices, "indices");
    if (indices.length !== values.length) {
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `indices must have as many entries as values (${values.length}); got ${indices.length}`,
        "indices",
      );
    }
    const offsets = toWholeNumbers(input.offsets, "offsets");
    const ascends = offsets.every((offset, r) => offset >= (offsets[r - 1] ?? 0));
    if (!ascends || offsets[0] !== 0 || offsets.at(-1) !== values.length) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `offsets must ascend from 0 to the number of values (${values.length})`,
        "offsets",
      );
    }
    return { offsets, indices, values };
  }
  if (values.length % Math.max(1, columns) !== 0 || (columns === 0 && values.length > 0)) {
    throw new ArgumentError(
      "SIZE_MISMATCH",
      `values must have a multiple of columns (${columns}) entries; got ${values.length}`,
      "values",
    );
  }
  return sparse(values, columns);
}

function readFields(fields: unknown, columns: number): { name: string; columns: number }[] {
  if (fields === undefined) return [{ name: "row", columns }];
  if (!Array.isArray(fields)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `fields must be a list of { name, columns }; got ${show(fields)}`,
      "fields",
    );
  }
  const list = Array.from(fields as unknown[], (entry, k) => {
    const given = checkGiven(entry, `fields[${k}]`);
    checkNoExtraKeys(given, ["name", "columns"], `fields[${k}]`);
    const name = given["name"];
    checkFieldName(name, "fields");
    return { name, columns: checkInteger(given["columns"], `fields[${k}].columns`, { min: 0 }) };
  });
  const covered = list.reduce((sum, field) => sum + field.columns, 0);
  if (covered !== columns) {
    throw new ArgumentError(
      "SIZE_MISMATCH",
      `fields must cover all ${columns} columns; they have ${covered}`,
      "fields",
    );
  }
  return list;
}

export class CoreRowSet implements Rows {
  readonly owned: Owned<CoreRows>;
  readonly rowCount: number;
  readonly columnCount: number;
  readonly hasTargets: boolean;

  constructor(core: Core, handle: CoreRows) {
    this.owned = new Owned(core, handle, "set of rows");
    this.rowCount = handle.size;
    this.columnCount = handle.columns;
    this.hasTargets = handle.hasTargets;
  }

  static from(core: Core, input: RowsInput): CoreRowSet {
    const given = checkGiven(input, "input");
    checkNoExtraKeys(given, inputNames, "rows");
    const columns = checkInteger(given["columns"], "columns", { min: 0, max: 0xfffffffe });
    const fields = readFields(given["fields"], columns);
    const matrix = readMatrix(input, columns);
    const count = matrix.offsets.length - 1;
    const floats = (name: "targets" | "weights") => {
      if (input[name] === undefined) return null;
      const list = toNumbers(input[name], name, Float32Array);
      if (list.length === count) return list;
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `${name} must have as many entries as there are rows (${count}); got ${list.length}`,
        name,
      );
    };
    const [targets, weights] = [floats("targets"), floats("weights")];
    return new CoreRowSet(
      core,
      core.run((module) => module.makeRows({ fields, ...matrix, targets, weights })),
    );
  }

  /** From libsvm text, which is read piece by piece. */
  static async read(core: Core, source: unknown, options: unknown): Promise<CoreRowSet> {
    core.run(() => undefined);
    const { columns, ...parsed } = await parseLibsvm(source, options);
    const fields = [{ name: "row", columns }];
    return new CoreRowSet(
      core,
      core.run((module) => module.makeRows({ fields, ...parsed, weights: null })),
    );
  }

  content(): ReturnType<Rows["content"]> {
    return this.owned.run((rows) => rows.content());
  }

  toLibsvm(options?: { firstIndex?: 0 | 1 }): string {
    const given = checkObject(options, "options");
    checkNoExtraKeys(given, ["firstIndex"], "toLibsvm");
    const first = checkInteger(valueOf(given, "firstIndex", 1), "firstIndex", { min: 0, max: 1 });
    return writeLibsvm(this.content(), first);
  }

  split(options: SplitOptions): Split<CoreRowSet> {
    const resolved = resolveSplit(options) as { by: string; within: string };
    if (!["random", "fold", "rows"].includes(resolved.by)) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `rows have neither users nor timestamps to be split by; by must be "random", "fold" or "rows"`,
        "by",
      );
    }
    if (resolved.within !== "all") {
      throw new ArgumentError("INVALID_ARGUMENT", "rows have no users", "within");
    }
    const parts = this.owned.run((rows) => rows.split(resolved));
    const { core } = this.owned;
    return { train: new CoreRowSet(core, parts.train), test: new CoreRowSet(core, parts.test) };
  }

  requireTargets(argument: string): void {
    if (this.hasTargets) return;
    throw new ArgumentError("INVALID_ARGUMENT", `${argument} needs rows with targets`, argument);
  }

  close(): void {
    this.owned.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Rows of this engine, or an error that names the argument. */
export function checkRowSet(value: unknown, name: string, core: Core): CoreRowSet {
  return checkOwned(value, CoreRowSet, "rows", name, core);
}
