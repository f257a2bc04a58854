// What every admin page does beyond the theme: copy buttons, going places by keyboard, and parts that refresh themselves.

import { watchCopyButtons } from "./copy";
import { watchKeys } from "./keys";
import { watchLiveParts } from "./live";

function start(): void {
  watchCopyButtons();
  watchKeys();
  watchLiveParts();
}

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", start);
} else {
  start();
}
