/** Line charts that are drawn as their figures come in, and follow the window's size and the colour scheme. */
import uPlot from "uplot";

export interface LivePlot {
  /** Draws again soon; many calls between two frames draw once. */
  redraw: () => void;
  /** Ends it; the place may be thrown away. */
  destroy: () => void;
}

/** `data` is asked when it is time to draw. `place` sets the size. */
export function livePlot(
  place: HTMLElement,
  options: Omit<uPlot.Options, "width" | "height">,
  data: () => uPlot.AlignedData,
): LivePlot {
  const size = () => ({ width: Math.max(place.clientWidth, 60), height: place.clientHeight });
  const plot = new uPlot(
    { legend: { show: false }, cursor: { show: false }, ...options, ...size() },
    options.series.map(() => []) as unknown as uPlot.AlignedData,
    place,
  );

  const ended = new AbortController();
  let due = false;
  const redraw = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      if (!ended.signal.aborted) plot.setData(data());
    });
  };

  const recolor = () => {
    plot.redraw();
  };
  const resized = new ResizeObserver(() => {
    plot.setSize(size());
  });
  resized.observe(place);
  const themed = new MutationObserver(recolor);
  themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor, {
    signal: ended.signal,
  });
  return {
    redraw,
    destroy() {
      ended.abort();
      resized.disconnect();
      themed.disconnect();
      plot.destroy();
    },
  };
}

/** Canvas cannot read CSS variables: the colour is that of an element that uses them. */
export function colorOf(element: Element): string {
  return getComputedStyle(element).color;
}
