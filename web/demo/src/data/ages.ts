/** Ages in the brackets of MovieLens 1M. They serve for exact ages, too, so that one form fits every data set. */
export const ageBrackets = [
  { from: 1, label: "under 18" },
  { from: 18, label: "18 to 24" },
  { from: 25, label: "25 to 34" },
  { from: 35, label: "35 to 44" },
  { from: 45, label: "45 to 49" },
  { from: 50, label: "50 to 55" },
  { from: 56, label: "56 or more" },
] as const;

/** Where one bracket ends and the next begins. */
export const ageEdges = ageBrackets.slice(1).map(({ from }) => from);

export function bracketOf(age: number): (typeof ageBrackets)[number] {
  return ageBrackets.filter(({ from }) => from <= age).at(-1) ?? ageBrackets[0];
}
