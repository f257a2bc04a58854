// Going places by keyboard: `g` and then the letter of a page; `/` into the search. Only outside inputs; links carry `data-key`,
// the search field of a page that is no list of the theme `data-search`.

const PATIENCE_MILLISECONDS = 1200;

export function watchKeys(): void {
  let waitsUntil = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const search = event.key === "/" ? document.querySelector<HTMLElement>("[data-search]") : null;
    if (search) {
      event.preventDefault();
      search.focus();
      return;
    }
    if (event.key === "g") {
      waitsUntil = Date.now() + PATIENCE_MILLISECONDS;
      return;
    }
    if (Date.now() < waitsUntil && /^[a-z]$/.test(event.key)) {
      waitsUntil = 0;
      const link = document.querySelector<HTMLAnchorElement>(`a[data-key="${event.key}"]`);
      if (link) {
        event.preventDefault();
        window.location.assign(link.href);
      }
    }
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}
