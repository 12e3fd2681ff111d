import { ArgumentError, load, type LibsvmOptions, type TextSource } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { describe, expect, test } from "vitest";
import { at, expectFailure, randomFrom, thrown } from "./support.js";

const ff = await load();
const encoded = (text: string) => new TextEncoder().encode(text);

/** The rows of a text as [target, {column: value}]. */
async function read(source: TextSource, options?: LibsvmOptions) {
  const rows = await ff.readLibsvm(source, options);
  const { offsets, indices, values, targets } = rows.content();
  return Array.from(targets, (target, r) => {
    const entries: Record<number, number> = {};
    for (let k = at(offsets, r); k < at(offsets, r + 1); k++)
      entries[at(indices, k)] = at(values, k);
    return [target, entries] as const;
  });
}

describe("libsvm text", () => {
  test("is a row a line: target and index:value", async () => {
    const rows = await ff.readLibsvm("1 1:0.5 3:-2\n-1 2:1e2\n0\n");
    expect(rows).toMatchObject({ rowCount: 3, columnCount: 3, hasTargets: true });
    expect(rows.content()).toEqual({
      offsets: Uint32Array.of(0, 2, 3, 3),
      indices: Uint32Array.of(0, 2, 1),
      values: Float32Array.of(0.5, -2, 100),
      targets: Float32Array.of(1, -1, 0),
      weights: null,
    });
  });

  test.each<[string, string]>([
    ["comments", "# all of it\n1 1:2 # 2:7 the rest\n#\n3 1:4#5:6\n"],
    ["blank lines", "\n\n1 1:2\n   \n\t\n3 1:4\n\n"],
    ["lines of Windows", "1 1:2\r\n\r\n3 1:4\r\n"],
    ["tabs and more spaces", "  1\t1:2  \n3   1:4\t\n"],
    ["no end of the last line", "1 1:2\n3 1:4"],
    ["a byte order mark", "\ufeff1 1:2\n3 1:4\n"],
    ["signs, points and exponents", "+1 1:2.\n3.0e0 1:.4E+1\n"],
    ["leading zeros", "01 001:2\n3 1:04.0\n"],
  ])("may have %s", async (_, text) => {
    const expected = [
      [1, { 0: 2 }],
      [3, { 0: 4 }],
    ];
    expect(await read(text)).toEqual(expected);
    expect(await read(encoded(text))).toEqual(expected);
  });

  test("may be nothing", async () => {
    for (const text of ["", "\n", "# nothing", "  \r\n \n"]) {
      expect(await ff.readLibsvm(text)).toMatchObject({ rowCount: 0, columnCount: 0 });
    }
  });

  test("counts columns from 1, or from 0 where a 0 occurs or is told", async () => {
    expect(await read("1 1:5 2:6")).toEqual([[1, { 0: 5, 1: 6 }]]);
    expect(await read("1 1:5 2:6\n1 0:7")).toEqual([[1, { 1: 5, 2: 6 }], [1, { 0: 7 }]]); // prettier-ignore
    expect(await read("1 1:5", { firstIndex: 0 })).toEqual([[1, { 1: 5 }]]);
    expect(await read("1 1:5", { firstIndex: 1 })).toEqual([[1, { 0: 5 }]]);
    expect(await read("1 1:5", { firstIndex: "auto" })).toEqual([[1, { 0: 5 }]]);
    const call = () => ff.readLibsvm("1 0:5", { firstIndex: 1 });
    await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "firstIndex");
  });

  test("has as many columns as told, or as the largest index says", async () => {
    expect(await ff.readLibsvm("1 7:1")).toMatchObject({ columnCount: 7 });
    expect(await ff.readLibsvm("1 7:1", { columns: 9 })).toMatchObject({ columnCount: 9 });
    expect(await ff.readLibsvm("1 7:1", { columns: 9, firstIndex: 0 })).toMatchObject({
      columnCount: 9,
    });
    expect(await ff.readLibsvm("", { columns: 4 })).toMatchObject({ columnCount: 4, rowCount: 0 });
    for (const options of [{ columns: 6 }, { columns: 7, firstIndex: 0 as const }]) {
      const call = () => ff.readLibsvm("1 7:1", options);
      await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "columns");
    }
  });

  test("is written so that it reads back bit for bit", async () => {
    const random = randomFrom(9);
    const odd = [
      0.1,
      1 / 3,
      1e-45,
      3.4028234663852886e38,
      -0,
      16777217,
      1.17549435e-38,
      -1e20,
      123456.79,
    ];
    const values = Float32Array.from([
      ...odd,
      ...Array.from({ length: 500 }, () => (random() - 0.5) * 10 ** (40 * random() - 20)),
    ]);
    const count = values.length;
    const input = {
      values,
      columns: count,
      indices: values.map((_, k) => k),
      offsets: values.map((_, k) => k),
    };
    const offsets = Uint32Array.from({ length: count + 1 }, (_, k) => k);
    const rows = ff.rows({ ...input, offsets, targets: values });
    for (const firstIndex of [0, 1] as const) {
      const text = rows.toLibsvm({ firstIndex });
      expect(text.split("\n")).toHaveLength(count + 1);
      const back = await ff.readLibsvm(text, { firstIndex, columns: count });
      // As bits: -0 is not 0.
      const bits = (of: typeof rows) => {
        const { values, targets, ...rest } = of.content();
        return {
          ...rest,
          values: new Uint32Array(values.buffer),
          targets: new Uint32Array(targets.buffer),
        };
      };
      expect(bits(back)).toEqual(bits(rows));
    }
    expect(ff.rows({ values: [0.5, 0, 2], columns: 3, targets: [1] }).toLibsvm()).toBe(
      "1 1:0.5 3:2\n",
    );
    expect(ff.rows({ values: [], columns: 3 }).toLibsvm()).toBe("");
  });

  test("is written with ascending indices, in whatever order they came", () => {
    const rows = ff.rows({
      values: [1, 2],
      indices: [4, 0],
      offsets: [0, 2],
      columns: 5,
      targets: [3],
    });
    expect(rows.toLibsvm({ firstIndex: 0 })).toBe("3 0:2 4:1\n");
  });

  test.each<[string, string, string]>([
    ["a target of text", "yes 1:2", "INVALID_ARGUMENT"],
    ["no target", "1:2 2:3", "INVALID_ARGUMENT"],
    ["a target of NaN", "nan 1:2", "NOT_FINITE"],
    ["an infinite value", "1 1:inf", "NOT_FINITE"],
    ["a value 32 bits do not hold", "1 1:1e39", "NOT_FINITE"],
    ["a value nothing holds", "1 1:1e400", "NOT_FINITE"],
    ["no value", "1 1:", "INVALID_ARGUMENT"],
    ["no colon", "1 1", "INVALID_ARGUMENT"],
    ["no index", "1 :2", "INVALID_ARGUMENT"],
    ["two colons", "1 1:2:3", "INVALID_ARGUMENT"],
    ["a query", "1 qid:3 1:2", "INVALID_ARGUMENT"],
    ["a negative index", "1 -1:2", "INVALID_ARGUMENT"],
    ["a fractional index", "1 1.5:2", "INVALID_ARGUMENT"],
    ["an index beyond 32 bits", "1 4294967295:2", "INVALID_ARGUMENT"],
    ["an endless index", `1 ${"9".repeat(400)}:2`, "INVALID_ARGUMENT"],
    ["a value of another base", "1 1:0x10", "INVALID_ARGUMENT"],
    ["a value with a comma", "1 1:2,5", "INVALID_ARGUMENT"],
    ["an index twice", "1 1:2 1:3", "DUPLICATE"],
    ["descending indices", "1 2:2 1:3", "INVALID_ARGUMENT"],
    ["a space after the colon", "1 1: 2", "INVALID_ARGUMENT"],
    ["a picture", "\ufffdPNG\u0000", "INVALID_ARGUMENT"],
  ])("is refused with %s, and the line is named", async (_, line, code) => {
    for (const [text, number] of [
      [line, 1],
      [`# first\n1 1:1\r\n\n${line}\n1 1:1\n`, 4],
    ] as const) {
      for (const source of [text, encoded(text)]) {
        const error = await expectFailure(
          () => ff.readLibsvm(source),
          ArgumentError,
          code,
          "source",
        );
        expect(error.message).toContain(`line ${number}:`);
        expect(error.message.length).toBeLessThan(200);
      }
    }
  });
});

const text = "# grüße 👩‍🚀\n1 1:0.25 2:100\n-1 12:3.5e-2\n2 3:7";
const bytes = encoded(text);
const expected = await read(text);

describe("a source of text", () => {
  async function* pieces<T>(...list: T[]): AsyncGenerator<T> {
    for (const piece of list) {
      await Promise.resolve();
      yield piece;
    }
  }
  const stream = (...list: Uint8Array[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of list) controller.enqueue(piece);
        controller.close();
      },
    });

  test.each<[string, () => TextSource]>([
    ["text", () => text],
    ["bytes", () => bytes],
    ["part of a larger buffer", () => Buffer.concat([Buffer.alloc(9), bytes]).subarray(9)],
    ["a buffer", () => bytes.slice().buffer],
    ["a Blob", () => new Blob([text])],
    ["a stream", () => stream(bytes)],
    ["a stream of nothing and more", () => stream(new Uint8Array(), bytes, new Uint8Array())],
    ["pieces of text", () => pieces(text.slice(0, 20), text.slice(20))],
    [
      "pieces of bytes and text",
      () => pieces<string | Uint8Array>(bytes.subarray(0, 30), text.slice(22)),
    ],
    ["the body of an answer", () => new Response(text).body as ReadableStream<Uint8Array>],
  ])("may be %s", async (_, source) => {
    expect(await read(source())).toEqual(expected);
    const client = new FeatherClient();
    const remote = await client.readLibsvm(source());
    expect(remote).toMatchObject({ rowCount: 3, columnCount: 12, hasTargets: true });
    expect(await remote.content()).toEqual((await ff.readLibsvm(text)).content());
    client.close();
  });

  test("may be cut anywhere: in a line, a number, a letter, between \\r and \\n", async () => {
    const windows = encoded(text.replaceAll("\n", "\r\n"));
    for (let cut = 0; cut <= windows.length; cut++) {
      const halves = [windows.subarray(0, cut), windows.subarray(cut)] as const;
      expect(await read(stream(...halves))).toEqual(expected);
    }
    expect(await read(pieces(...Array.from(windows, (byte) => Uint8Array.of(byte))))).toEqual(
      expected,
    );
    expect(await read(pieces(...text.split("")))).toEqual(expected);
  });

  test("that fails passes its error on, and nothing is kept", async () => {
    const fault = new Error("the line is dead");
    async function* failing() {
      await Promise.resolve();
      yield "1 1:2\n";
      throw fault;
    }
    expect(await thrown(() => ff.readLibsvm(failing()))).toBe(fault);
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(fault);
      },
    });
    expect(await thrown(() => ff.readLibsvm(broken))).toBe(fault);
    const client = new FeatherClient();
    expect(await thrown(() => client.readLibsvm(failing()))).toBe(fault);
    await client.ready();
    client.close();
    const before = ff.memoryBytes();
    for (let k = 0; k < 50; k++) await thrown(() => ff.readLibsvm(failing()));
    expect(ff.memoryBytes()).toBe(before);
  });

  test("is let go of at the first line that is wrong", async () => {
    let [given, ended] = [0, false];
    async function* endless() {
      try {
        for (;;) {
          await Promise.resolve();
          given++;
          yield "1 1:2\nnonsense\n";
        }
      } finally {
        ended = true;
      }
    }
    const error = await expectFailure(
      () => ff.readLibsvm(endless()),
      ArgumentError,
      "INVALID_ARGUMENT",
    );
    expect(error.message).toContain("line 2");
    expect([given, ended]).toEqual([1, true]);
  });

  test("must give text or bytes", async () => {
    const client = new FeatherClient();
    for (const piece of [5, null, [49], new ArrayBuffer(2), { text: "1" }]) {
      for (const reader of [ff, client]) {
        const call = () => reader.readLibsvm(pieces<unknown>("1 1:2\n", piece) as never);
        await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "source");
      }
    }
    client.close();
  });

  test("that somebody else reads already is refused", async () => {
    const taken = stream(bytes);
    taken.getReader();
    await expectFailure(() => ff.readLibsvm(taken), ArgumentError, "INVALID_ARGUMENT", "source");
  });

  test("may be long", async () => {
    const random = randomFrom(4);
    const lines = Array.from({ length: 50_000 }, (_, k) => {
      const first = 1 + Math.floor(random() * 90);
      return `${k % 5} ${first}:${random().toFixed(4)} ${first + 7}:1 ${first + 9}:0.5`;
    });
    const whole = lines.join("\n");
    const rows = await ff.readLibsvm(new Blob([whole]));
    expect(rows).toMatchObject({ rowCount: 50_000 });
    const { indices, targets } = rows.content();
    expect(indices).toHaveLength(150_000);
    expect([...targets.slice(0, 6)]).toEqual([0, 1, 2, 3, 4, 0]);
    expect(rows.toLibsvm().split("\n")).toHaveLength(50_001);
    lines[49_998] = "1 2:x";
    const error = await thrown(() => ff.readLibsvm(lines.join("\n")));
    expect((error as Error).message).toContain("line 49999:");
  });
});
