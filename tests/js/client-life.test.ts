import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  ArgumentError,
  FeatherClient,
  LoadError,
  WorkerError,
  type RemoteModel,
} from "featherfm/client";
import { describe, expect, test, vi } from "vitest";
import { watchedClient } from "./client-support.js";
import { expectFailure, sample, thrown } from "./support.js";

const lists = sample();
const dist = new URL("../../dist/", import.meta.url);
const wasmFile = new URL("featherfm.wasm", dist);

describe("a worker that dies", () => {
  test("takes every call with it, and says so from then on", async () => {
    const { client, thread } = watchedClient();
    const data = await client.dataset(lists);
    const calls = [
      thrown(() => client.train(data, { model: "mf", epochs: 100_000 })),
      thrown(() => data.ratingsOf("u1")),
    ];
    await thread.terminate();
    for (const error of await Promise.all(calls)) {
      // The second call may have been answered just before.
      if (error instanceof Error && error.message === "nothing was thrown") continue;
      expect(error).toBeInstanceOf(WorkerError);
      expect(error).toMatchObject({ code: "WORKER_DIED" });
    }
    await expectFailure(() => client.memoryBytes(), WorkerError, "WORKER_DIED");
    await expectFailure(() => data.userIds(), WorkerError, "WORKER_DIED");
    client.close();
    await expectFailure(() => client.memoryBytes(), WorkerError, "WORKER_DIED");
  });

  test("of a fault inside is noticed", async () => {
    const { client, thread } = watchedClient();
    await client.ready();
    // A message that no client sends.
    thread.postMessage(null);
    await expectFailure(() => client.ready(), WorkerError, "WORKER_DIED");
  });
});

describe("WebAssembly for the worker", () => {
  const bytes = fs.readFileSync(wasmFile);
  const sources: [string, () => Promise<unknown> | object | string][] = [
    ["bytes", () => new Uint8Array(bytes)],
    ["a buffer", () => new Uint8Array(bytes).buffer],
    ["a compiled module", () => WebAssembly.compile(new Uint8Array(bytes))],
    ["a file's URL", () => wasmFile],
    ["a file's URL as text", () => wasmFile.href],
    ["a path", () => wasmFile.pathname],
    ["a data URL", () => `data:application/wasm;base64,${bytes.toString("base64")}`],
  ];
  test.each(sources)("may be %s", async (_, source) => {
    const client = new FeatherClient({ wasm: (await source()) as Uint8Array });
    expect((await client.dataset({ users: [1], items: [1] })).userCount).toBe(1);
    client.close();
  });

  test.each([
    ["no wasm", new Uint8Array(100)],
    ["half of it", new Uint8Array(bytes.subarray(0, bytes.length / 2))],
    ["another program", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)],
    ["a file that is not there", new URL("nothing.wasm", dist)],
  ])("that is %s rejects every call with LoadError", async (_, wasm) => {
    const client = new FeatherClient({ wasm });
    const calls = [() => client.ready(), () => client.dataset(lists), () => client.memoryBytes()];
    await Promise.all(calls.map((call) => expectFailure(call, LoadError, "LOAD_FAILED", "wasm")));
    await expectFailure(() => client.ready(), LoadError, "LOAD_FAILED", "wasm");
    client.close();
  });

  test.each([5, {}, null, [1, 2]])("that is %j is refused", async (wasm) => {
    const call = async () => {
      const client = new FeatherClient({ wasm: wasm as never });
      try {
        return await client.ready();
      } finally {
        client.close();
      }
    };
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "wasm");
  });

  test("that cannot be sent is refused at once", async () => {
    await expectFailure(
      () => new FeatherClient({ wasm: (() => 1) as never }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "wasm",
    );
    await expectFailure(
      () => new FeatherClient(null as never),
      ArgumentError,
      "INVALID_ARGUMENT",
      "options",
    );
  });
});

describe("what the page lets go of", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;

  /** The handles whose objects were made and dropped in here are beyond reach afterwards. */
  async function makeAndForget(client: FeatherClient): Promise<void> {
    const data = await client.dataset(lists);
    const model = await client.train(data, { model: "mf", epochs: 1 });
    await model.foldInUser([{ item: 100, rating: 3 }]);
  }

  test("is freed in the worker without being closed", async () => {
    const { client, sent } = watchedClient();
    await makeAndForget(client);
    void client.dataset(lists); // nobody waits for this one
    await client.memoryBytes();
    await vi.waitFor(
      () => {
        collect();
        const released = sent.flatMap((message) =>
          message.type === "release" ? [message.handle] : [],
        );
        expect(released.sort()).toEqual([1, 2, 3]);
      },
      { timeout: 20_000, interval: 20 },
    );
    client.close();
  });

  test("and what is still held is not", async () => {
    const { client, sent } = watchedClient();
    const held = await client.train(await client.dataset(lists), { model: "mf", epochs: 1 });
    const guest = await held.foldInUser([{ item: 100, rating: 3 }]);
    for (let k = 0; k < 5; k++) {
      collect();
      await pause(5);
    }
    expect(sent.filter((message) => message.type === "release" && message.handle === 2)).toEqual(
      [],
    );
    expect(await guest.recommend()).toHaveLength(10);
    client.close();
  });

  test("a model that was finished in the moment of its cancellation is freed", async () => {
    const { client, sent, received } = watchedClient();
    const data = await client.dataset(lists);
    const controller = new AbortController();
    const training = client.train(data, { model: "popularity", signal: controller.signal });
    controller.abort("no");
    expect(await thrown(() => training)).toBe("no");
    await client.memoryBytes();
    const made = received.flatMap((message) =>
      message.type === "result" ? [(message.value as { handle?: number } | null)?.handle] : [],
    );
    for (const handle of made.filter((handle) => handle === 2)) {
      expect(sent).toContainEqual({ type: "release", handle });
    }
    client.close();
  });
});

describe("a Node process", () => {
  const run = promisify(execFile);
  const node = async (program: string) => {
    const source = `import { FeatherClient } from ${JSON.stringify(new URL("client.node.js", dist).href)};\n${program}`;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "featherfm-"));
    try {
      const file = path.join(folder, "program.mjs");
      fs.writeFileSync(file, source);
      const { stdout } = await run(process.execPath, [file]);
      return stdout.trim();
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  };

  test.each([
    ["with an idle client", "new FeatherClient();"],
    [
      "after its work, without close()",
      `const client = new FeatherClient();
       const data = await client.dataset({ users: [1, 1, 2], items: [1, 2, 1] });
       const model = await client.train(data, { model: "mf", epochs: 3 });
       await model.recommend(2);`,
    ],
    [
      "after a cancelled training",
      `const client = new FeatherClient();
       const data = await client.dataset({ users: [1, 1, 2], items: [1, 2, 1] });
       const controller = new AbortController();
       const onEpoch = () => controller.abort();
       await client.train(data, { model: "mf", epochs: 1e5, signal: controller.signal, onEpoch }).catch(() => 0);`,
    ],
    [
      "after a failed start",
      "await new FeatherClient({ wasm: new Uint8Array(9) }).ready().catch(() => 0);",
    ],
    ["after a refused start", "try { new FeatherClient({ wasm: () => 1 }); } catch {}"],
  ])("ends by itself %s", async (_, program) => {
    expect(await node(`${program}\nconsole.log("end");`)).toBe("end");
  });

  test("waits for a call under way", async () => {
    const program = `new FeatherClient().ready().then(({ version }) => console.log(version));`;
    expect(await node(program)).toMatch(/^\d+\.\d+\.\d+/);
  });
});

test("two clients do not know each other", async () => {
  const [one, two] = [new FeatherClient(), new FeatherClient()];
  const make = async (client: FeatherClient): Promise<RemoteModel> =>
    client.train(await client.dataset(lists), { model: "mf", epochs: 2 });
  const [first, second] = await Promise.all([make(one), make(two)]);
  one.close();
  expect(await second.recommend("u1")).toHaveLength(10);
  await thrown(() => first.recommend("u1"));
  two.close();
});
