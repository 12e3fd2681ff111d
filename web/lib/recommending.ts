/** What `recommend` takes, checked; the rule on ids is evaluated on whichever side of the worker it was made. */
import { ArgumentError, show } from "./errors.js";
import { checkId, checkIdList } from "./ids.js";
import {
  checkBoolean,
  checkChoice,
  checkFinite,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "./options/checks.js";
import type { Id, IdArray, RecommendOptions } from "./types.js";

const names = [
  "n",
  "filterSeen",
  "exclude",
  "candidates",
  "filter",
  "minScore",
  "scan",
  "context",
  "optimism",
  "diversity",
  "novelty",
];

export function checkRecommendOptions(options: unknown, extra: readonly string[] = []) {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, [...names, ...extra], "recommend");
  const share = (name: string) => checkFinite(valueOf(given, name, 0), name, { min: 0, max: 1 });
  return {
    n: checkInteger(valueOf(given, "n", 10), "n", { min: 1, max: 0xfffffffe }),
    filterSeen: checkBoolean(valueOf(given, "filterSeen", true), "filterSeen"),
    exclude: given["exclude"] as IdArray | undefined,
    candidates: given["candidates"] as IdArray | undefined,
    filter: checkFilter(given["filter"]),
    minScore: given["minScore"] === undefined ? null : checkFinite(given["minScore"], "minScore"),
    scan: checkChoice(valueOf(given, "scan", "exact"), "scan", ["exact", "int8"]),
    context: given["context"],
    optimism: checkFinite(valueOf(given, "optimism", 0), "optimism", { min: -10, max: 10 }),
    diversity: share("diversity"),
    novelty: share("novelty"),
  };
}

export type CheckedRecommendOptions = ReturnType<typeof checkRecommendOptions>;

function checkFilter(filter: unknown): RecommendOptions["filter"] {
  if (filter === undefined || typeof filter === "function") {
    return filter as RecommendOptions["filter"];
  }
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `filter must be a function of an item's id; got ${show(filter)}`,
    "filter",
  );
}

/** Whether an item passes. The promise of an async function would count as true for every item. */
function passes(filter: (item: Id) => unknown, item: Id): boolean {
  const verdict = filter(item);
  if (typeof verdict === "boolean") return verdict;
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `filter must return true or false; for the item ${show(item)} it returned ${show(verdict)}`,
    "filter",
  );
}

/**
 * The items that a rule lets through, of all the model's or of the candidates; undefined where it lets all through and there
 * are no candidates.
 */
export function passing(
  items: readonly Id[],
  filter: (item: Id) => boolean,
  candidates: IdArray | undefined,
): Id[] | undefined {
  const good = items.filter((item) => passes(filter, item));
  if (candidates === undefined) return good.length === items.length ? undefined : good;
  const given = checkIdList(candidates, "candidates");
  const allowed = new Set(good);
  return Array.from(given, (id, k) => checkId(id, `candidates[${k}]`)).filter((id) =>
    allowed.has(id),
  );
}

/** Whether options have a rule, which cannot be sent to a worker. */
export const hasFilter = (options: unknown): options is RecommendOptions =>
  typeof options === "object" && options !== null && "filter" in options;

/** The options with the outcome of the rule in its place. */
export async function withoutFilter(
  { filter: given, ...rest }: RecommendOptions,
  itemIds: () => Promise<readonly Id[]>,
): Promise<RecommendOptions> {
  const filter = checkFilter(given);
  if (filter === undefined) return rest;
  const candidates = passing(await itemIds(), filter, rest.candidates);
  return candidates === undefined ? rest : { ...rest, candidates };
}
