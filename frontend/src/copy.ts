// Buttons with `data-copy="text"`: the text goes to the clipboard, the button says so for a moment.

const SAID_MILLISECONDS = 1500;

export function watchCopyButtons(): void {
  document.addEventListener("click", async (event) => {
    const button = (event.target as Element | null)?.closest<HTMLElement>("[data-copy]");
    if (!button) return;
    event.preventDefault();
    const said = button.dataset["copied"] ?? "✓";
    try {
      await navigator.clipboard.writeText(button.dataset["copy"] ?? "");
    } catch {
      selectText(button); // no clipboard without HTTPS: leave it marked, ready for Ctrl C
      return;
    }
    const before = button.textContent;
    button.textContent = said;
    setTimeout(() => (button.textContent = before), SAID_MILLISECONDS);
  });
}

function selectText(button: HTMLElement): void {
  const target = button.previousElementSibling ?? button;
  const range = document.createRange();
  range.selectNodeContents(target);
  const selection = window.getSelection();
  selection?.removeAllRanges();
  selection?.addRange(range);
}
