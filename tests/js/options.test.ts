import { ArgumentError, FeatherError, load } from "featherfm";
import { describe, expect, test } from "vitest";
import { Core } from "../../dist/core.js";
import factory from "../../dist/glue/featherfm.inline.js";
import { optionTables, resolveModelOptions } from "../../dist/options.js";
import { fmCoreOptions } from "../../dist/training.js";
import { at, sample, thrown } from "./support.js";

const ff = await load();
const lists = sample({ users: 6, items: 5 });
const data = ff.dataset(lists);

// The C++ side alone, without the checks in front of it.
const core = new Core(await factory({}));
const users = [...new Set(lists.users)];
const items = [...new Set(lists.items)];
const interactions = core.run((module) =>
  module.makeInteractions(
    { users: users.length, items: items.length, duplicates: "error", hasContext: false },
    Uint32Array.from(lists.users, (user) => users.indexOf(user)),
    Uint32Array.from(lists.items, (item) => items.indexOf(item)),
    Float32Array.from(lists.ratings),
    null,
    null,
  ),
);

// These say which table it is, by family.
const selecting: Record<string, string[]> = {
  mf: ["optimizer"],
  fm: ["solver"],
  hybrid: ["loss", "optimizer"],
  "implicit-als": ["solver"],
};

const tables = Object.entries(optionTables)
  .filter(([where]) => where !== "popularity")
  .map(([where, table]) => {
    const [model, ...algorithm] = where.split("/") as [string, ...string[]];
    const names = selecting[model] ?? [];
    const chosen = Object.fromEntries(algorithm.map((one, k) => [at(names, k), one]));
    const selectors: { model: string } & Record<string, string> = { model, ...chosen };
    return {
      where,
      selectors,
      table: table as Record<
        string,
        { default: unknown; parse: (v: unknown, name: string, fallback: unknown) => unknown }
      >,
      defaults: resolveModelOptions(selectors),
    };
  });

/** Whether the core makes a trainer of these options; a refusal must be one of our errors. */
function coreAccepts(options: object): boolean {
  try {
    core.run((module) => {
      const given = { patience: 0, ...options } as { model?: unknown; solver?: unknown };
      const fm = given.model === "fm";
      module
        .makeTrainer(
          fm ? fmCoreOptions(given, 86_400) : given,
          "{}",
          interactions,
          given.solver === "sgda" ? interactions : null,
          null,
          fm || given.model === "hybrid"
            ? {
                features: [],
                validationFeatures: [],
                validationUnitsPerDay: 86_400,
                encoders: "[]",
              }
            : null,
        )
        .delete();
    });
    return true;
  } catch (error) {
    // What has not even the right shape may fail while it is read.
    if (error instanceof TypeError) return false;
    expect(error).toBeInstanceOf(FeatherError);
    // A limit that nothing in these data reaches is a good one all the same.
    if (
      (error as FeatherError).argument === "positiveFrom" &&
      (error as FeatherError).code === "EMPTY"
    )
      return true;
    expect((error as FeatherError).code).toMatch(/^(INVALID_ARGUMENT|OUT_OF_RANGE|NOT_FINITE)$/);
    return false;
  }
}

function facadeAccepts(options: object): boolean {
  try {
    resolveModelOptions(options);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return false;
  }
}

// Around every limit that any option has, and far beyond.
const numbers = [
  -Infinity,
  -1e10,
  -1025,
  -1,
  -0.5,
  -1e-6,
  0,
  1e-6,
  0.5,
  0.9999,
  1,
  1.0001,
  1.5,
  2,
  9.5,
  10,
  10.5,
  11,
  100,
  101,
  256,
  257,
  1000,
  1001,
  1024,
  1025,
  100_000,
  100_001,
  1e6,
  1_000_001,
  1e9,
  2e9,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e300,
  Infinity,
  NaN,
];
const otherValues = [
  "1",
  "banana",
  "",
  true,
  false,
  null,
  {},
  [],
  [1],
  [1, 2],
  [2, 1],
  [1, 1],
  [NaN, 1],
  [0, Infinity],
];

// These are names, for which numbers are nothing but wrong.
const words = [
  "loss",
  "fill",
  "task",
  "timestampUnit",
  "setScale",
  "fields",
  "derived",
  "similarity",
];
// These the package turns into something else for the core: columns, flags, units.
const facadeAlone = ["timestampUnit", "fields", "derived"];

describe.each(tables)("the options of $where", ({ selectors, table, defaults }) => {
  test("have defaults that both sides accept", () => {
    for (const [name, { default: value, parse }] of Object.entries(table)) {
      expect(parse(value, name, value), name).toEqual(value);
    }
    expect(facadeAccepts(selectors)).toBe(true);
    expect(coreAccepts(defaults)).toBe(true);
    expect(resolveModelOptions(defaults)).toEqual(defaults);
  });

  test.each(Object.keys(table))("hold %s to the same limits on both sides", (name) => {
    const whole = defaults[name];
    const parts =
      typeof whole === "object" && whole !== null && !Array.isArray(whole)
        ? Object.keys(whole)
        : [];
    const variants: ((value: unknown) => Record<string, unknown>)[] =
      parts.length === 0
        ? [(value) => ({ ...defaults, [name]: value })]
        : parts.map((part) => (value) => ({
            ...defaults,
            [name]: {
              ...(whole as object),
              [part]: part === "fields" ? { user: { linear: value, factors: 1 } } : value,
            },
          }));
    let [accepted, refused] = [0, 0];
    for (const variant of variants) {
      for (const value of [...numbers, ...otherValues]) {
        if ((selecting[selectors.model] ?? []).includes(name)) continue;
        const options = variant(value);
        const facade = facadeAccepts(options);
        // Finite numbers that float32 does not hold are the core's to refuse.
        if (value === 1e300 && !coreAccepts(options)) continue;
        if (!facadeAlone.includes(name)) {
          expect(coreAccepts(options), `${name}: ${JSON.stringify(value)}`).toBe(facade);
        }
        if (facade) accepted++;
        else refused++;
      }
    }
    if (!(selecting[selectors.model] ?? []).includes(name) && !words.includes(name)) {
      expect(accepted).toBeGreaterThan(0);
      expect(refused).toBeGreaterThan(0);
    }
  });

  test("are refused by name, with what came and what is allowed", async () => {
    for (const name of Object.keys(table)) {
      const options = { ...selectors, [name]: Symbol("no") };
      const error = (await thrown(() => ff.train(data, options as never))) as ArgumentError;
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error.argument).toBe(name);
      expect(error.message).toContain(name);
      expect(error.message).toMatch(/symbol/i);
    }
  });

  test("are refused when there is no such option, with those there are", async () => {
    const options = { ...selectors, learningrate: 0.1 };
    const error = (await thrown(() => ff.train(data, options as never))) as ArgumentError;
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "learningrate" });
    for (const name of Object.keys(table)) expect(error.message).toContain(name);
  });
});

describe("an option for several parts", () => {
  const resolved = (options: object) => resolveModelOptions({ model: "mf", ...options });

  test("may be one value for all", () => {
    expect(resolved({ regularization: 0.5 })["regularization"]).toEqual({
      user: 0.5,
      item: 0.5,
      bias: 0.5,
    });
    expect(resolved({ biases: false })["biases"]).toEqual({
      global: false,
      user: false,
      item: false,
    });
  });

  test("may set some parts and leave the rest", () => {
    const usual = resolved({})["regularization"] as object;
    expect(resolved({ regularization: { user: 7 } })["regularization"]).toEqual({
      ...usual,
      user: 7,
    });
    expect(resolved({ biases: { item: false } })["biases"]).toEqual({
      global: true,
      user: true,
      item: false,
    });
  });

  test("leaves the rest at the defaults of the loss that was chosen", () => {
    for (const optimizer of ["sgd", "adagrad", "adam"]) {
      const usual = resolved({ optimizer, loss: "logistic" })["regularization"] as object;
      expect(
        resolved({ optimizer, loss: "logistic", regularization: { user: 7 } })["regularization"],
      ).toEqual({ ...usual, user: 7 });
    }
  });

  test("refuses parts that are not there", async () => {
    const error = await thrown(() => resolved({ regularization: { users: 1 } }));
    expect(error).toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: expect.stringContaining("users") as string,
    });
    expect(await thrown(() => resolved({ regularization: { user: -1 } }))).toMatchObject({
      code: "OUT_OF_RANGE",
      argument: "regularization.user",
    });
  });
});

test("the defaults train every model", () => {
  for (const { where, selectors } of tables) {
    const controls = where === "fm/sgda" ? { validation: data } : {};
    const model = ff.train(data, { ...selectors, ...controls } as never);
    expect(model.predict(lists.users, lists.items).every(Number.isFinite)).toBe(true);
    expect(model.options).toEqual(at([resolveModelOptions(selectors)], 0));
  }
});
