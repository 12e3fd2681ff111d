// The worker of the inline entry as one script in a string; the build bundles it.
declare const source: string;
export default source;
