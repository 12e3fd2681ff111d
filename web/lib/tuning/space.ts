/** The options that a search goes through: ranges and choices in the place of values, and what is drawn from them. */
import type { Core } from "../core.js";
import { ArgumentError, show } from "../errors.js";
import { type ModelOptions, resolveModelOptions } from "../options.js";
import {
  checkBoolean,
  checkChoice,
  checkFinite,
  checkGiven,
  checkNoExtraKeys,
  valueOf,
} from "../options/checks.js";
import { refuseControls } from "./measure.js";

interface Drawn {
  low: number;
  high: number;
  logarithmic: boolean;
  whole: boolean;
}

/** One option that varies: where it stands in the options, and what a draw means. */
interface Dimension {
  /** As in an error: "regularization.user". */
  name: string;
  range: Drawn;
  valueOf: (draw: number) => unknown;
}

type Given = Record<string, unknown>;

/** Options with their variable parts; `fill` puts values there, in the order of the dimensions. */
export interface Space {
  dimensions: Dimension[];
  fill: (values: readonly unknown[]) => ModelOptions;
}

const isPlain = (value: unknown): value is Given =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value);

const isVariable = (value: Given): boolean =>
  "choices" in value || "min" in value || "max" in value;

function readChoices(given: Given, name: string): Dimension {
  checkNoExtraKeys(given, ["choices"], name);
  const { choices } = given;
  if (!Array.isArray(choices) || choices.length === 0) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name}.choices must be a list with at least one value; got ${show(choices)}`,
      name,
    );
  }
  const list = [...(choices as unknown[])];
  return {
    name,
    range: { low: 0, high: list.length - 1, logarithmic: false, whole: true },
    valueOf: (draw) => list[draw],
  };
}

function readRange(given: Given, name: string): Dimension {
  checkNoExtraKeys(given, ["min", "max", "scale", "integer"], name);
  const scale = checkChoice(valueOf(given, "scale", "linear"), `${name}.scale`, ["linear", "log"]);
  const whole = checkBoolean(valueOf(given, "integer", false), `${name}.integer`);
  const low = checkFinite(given["min"], `${name}.min`, scale === "log" ? { above: 0 } : {});
  const high = checkFinite(given["max"], `${name}.max`, { above: low });
  for (const [end, value] of Object.entries({ min: low, max: high })) {
    if (!whole || Number.isSafeInteger(value)) continue;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name}.${end} must be a whole number, as the range is of those; got ${value}`,
      `${name}.${end}`,
    );
  }
  return {
    name,
    range: { low, high, logarithmic: scale === "log", whole },
    valueOf: (draw) => draw,
  };
}

/** Finds the variable parts, in the order of the keys, and checks every end and choice by the model's own option tables. */
export function readSpace(given: unknown): Space {
  const template = checkGiven(given, "options");
  refuseControls(template, "search");
  const dimensions: Dimension[] = [];
  // A copy in which the variable parts are known by their dimension.
  const places = new Map<object, number>();
  const copy = (value: unknown, name: string): unknown => {
    if (!isPlain(value)) return value;
    if (isVariable(value)) {
      const place = {};
      places.set(place, dimensions.length);
      dimensions.push(("choices" in value ? readChoices : readRange)(value, name));
      return place;
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, copy(entry, name && `${name}.${key}`)]),
    );
  };
  const entries = Object.entries(template).map(([key, value]) => [key, copy(value, key)] as const);
  if (isPlain(template["model"])) {
    throw new ArgumentError("INVALID_ARGUMENT", "model must be one; search it for each", "model");
  }
  if (dimensions.length === 0) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      "options must have a range or choices for at least one option; there is nothing to search",
      "options",
    );
  }
  const fill = (values: readonly unknown[]): ModelOptions => {
    const filled = (value: unknown): unknown => {
      if (!isPlain(value)) return value;
      const place = places.get(value);
      if (place !== undefined) return values[place];
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, filled(entry)]));
    };
    return Object.fromEntries(entries.map(([key, value]) => [key, filled(value)])) as ModelOptions;
  };
  checkEnds(dimensions, fill);
  return { dimensions, fill };
}

/** Every end of a range and every choice must be a value of its option, whatever the others are. */
function checkEnds(dimensions: readonly Dimension[], fill: Space["fill"]): void {
  const first = dimensions.map(({ valueOf, range }) => valueOf(range.low));
  for (const [k, { valueOf, range }] of dimensions.entries()) {
    const values = [...first];
    // Of a range the ends, of choices each one.
    const step = valueOf(range.high) === range.high ? Math.max(1, range.high - range.low) : 1;
    for (let draw = range.low; draw <= range.high; draw += step) {
      values[k] = valueOf(draw);
      resolveModelOptions(fill(values));
    }
  }
}

/** Different sets of options, drawn at random; no more than there are. The first ones are the same however many are asked for. */
export function draw(core: Core, space: Space, trials: number, seed: number): ModelOptions[] {
  // What cannot vary takes no draw.
  const varying = space.dimensions.filter(({ range }) => range.low < range.high);
  const ranges = varying.map(({ range }) => range);
  // Some draws of few choices will be the same.
  const rows = trials * 8;
  const draws = core.run((module) => module.drawOptions(ranges, { trials: rows, seed }));
  const found = new Map<string, ModelOptions>();
  for (let row = 0; row < rows && found.size < trials; row++) {
    const values = space.dimensions.map((dimension) => {
      const k = varying.indexOf(dimension);
      return dimension.valueOf(
        k < 0 ? dimension.range.low : (draws[row * varying.length + k] as number),
      );
    });
    const options = space.fill(values);
    resolveModelOptions(options);
    const key = JSON.stringify(options);
    if (!found.has(key)) found.set(key, options);
  }
  return [...found.values()];
}
