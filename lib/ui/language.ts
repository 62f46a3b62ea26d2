/// <reference lib="dom" />
/**
 * Gives the browser a language that exists. uPlot formats numbers in the
 * browser's when it is loaded, and WebKit takes that from the system's locale:
 * without one it is "C", for which there is no format. To be imported before
 * uPlot.
 *
 * @module
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en" });
}
