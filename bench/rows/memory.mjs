// Memory at ten million interactions, and how fast a training run of that size lets itself be cancelled.
import { load } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { median } from "../support.mjs";

/** Synthetic, in the shape of MovieLens-10M: 70,000 users, 10,000 items, no pair twice. */
function tenMillion() {
  const count = 10_000_000;
  const users = new Uint32Array(count);
  const items = new Uint32Array(count);
  const ratings = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    const user = k % 70_000;
    users[k] = user;
    items[k] = (Math.floor(k / 70_000) * 69 + user * 7) % 10_000;
    ratings[k] = 1 + ((user * 31 + items[k] * 17) % 5);
  }
  return { users, items, ratings };
}

async function memory(report) {
  const input = tenMillion();
  const ff = await load();
  const begin = performance.now();
  const data = ff.dataset(input);
  const building = performance.now() - begin;
  const trained = performance.now();
  ff.train(data, { model: "mf", factors: 32, epochs: 2 });
  report({
    id: "memory-10m",
    value: ff.memoryBytes() / 1e6,
    unit: "MB",
    detail: `peak WebAssembly memory, ${data.interactionCount} synthetic interactions, 32 factors, 2 epochs; dataset() ${(building / 1000).toFixed(1)} s, train() ${((performance.now() - trained) / 1000).toFixed(1)} s. The aim is at most 400`,
  });
  ff.close();
}

async function cancel(report) {
  const client = new FeatherClient();
  const data = await client.dataset(tenMillion(), { transfer: true });
  const times = [];
  for (const delay of [5, 50, 200, 400, 800]) {
    const controller = new AbortController();
    const training = client.train(data, { model: "mf", epochs: 1000, signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, delay));
    const begin = performance.now();
    controller.abort();
    await training.catch(() => undefined);
    // The worker answers once it has let go of the training.
    await client.memoryBytes();
    times.push(performance.now() - begin);
  }
  report({
    id: "cancel-10m",
    value: Math.max(...times),
    unit: "ms",
    detail: `abort() to the worker's next answer while training on 10 million interactions: worst of ${times.length}, median ${median(times).toFixed(1)}. The aim is at most 100`,
  });
  client.close();
}

export const groups = [
  { name: "memory", what: "ten million interactions", run: memory },
  { name: "cancel", what: "how soon a cancelled training stops", run: cancel },
];
