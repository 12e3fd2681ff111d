/** How fast a training goes, and how long it still takes. */
import type { EpochReport } from "featherfm";

export interface Pace {
  perSecond: number;
  /** Seconds until the last epoch is over. */
  left: number;
}

/** Milliseconds over which the speed is taken: long enough to be steady, short enough to follow a machine that slows down. */
const window = 4000;

/** From the epochs that are over; null before there are two to go by. */
export function paceOf(reports: readonly EpochReport[], epochs: number): Pace | null {
  const last = reports.at(-1);
  if (last === undefined) return null;
  const from = reports.find(({ elapsedMs }) => elapsedMs >= last.elapsedMs - window);
  if (from === undefined || from.epoch === last.epoch || from.elapsedMs === last.elapsedMs)
    return null;
  const perSecond = (1000 * (last.epoch - from.epoch)) / (last.elapsedMs - from.elapsedMs);
  return { perSecond, left: (epochs - last.epoch) / perSecond };
}
