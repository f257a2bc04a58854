// Parts with `data-live="address"`: fetched again every `data-every` milliseconds while the page is seen and the part is
// neither paused nor under the pointer. The reply is a fragment of HTML of our own server; its header `X-Look-Again` may
// say when to look again, and `X-Count` how much there is, which a closed `details` around the part shows.

const LONGEST_PAUSE = 30_000;

export function watchLiveParts(): void {
  document.querySelectorAll<HTMLElement>("[data-live]").forEach(follow);
}

function follow(part: HTMLElement): void {
  const address = part.dataset["live"] ?? "";
  const every = Number(part.dataset["every"] ?? "1000");
  const button = document.querySelector<HTMLButtonElement>(`[data-pause="${part.id}"]`);
  const cover = part.closest("details");
  let pause = every;
  let next = every;
  let timer = 0;
  let isBusy = false;
  const isPaused = () => part.classList.contains("is-paused");

  button?.addEventListener("click", () => {
    const paused = part.classList.toggle("is-paused");
    button.setAttribute("aria-pressed", String(paused));
  });

  async function refresh(): Promise<void> {
    if (document.hidden || isPaused() || part.matches(":hover, :focus-within") || hasSelection(part)) {
      return;
    }
    const reply = await fetch(address, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } });
    if (!reply.ok) throw new Error(String(reply.status));
    const open = Array.from(part.querySelectorAll("details[open][id]"), (row) => row.id);
    next = Number(reply.headers.get("X-Look-Again")) || every;
    if (cover) cover.dataset["count"] = reply.headers.get("X-Count") ?? "0";
    part.innerHTML = await reply.text();
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    part.dataset["state"] = "live";
  }

  async function loop(): Promise<void> {
    if (isBusy) return;
    isBusy = true;
    try {
      await refresh();
      pause = next;
    } catch {
      part.dataset["state"] = "away"; // shown by the stylesheet; tried again, ever more seldom
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
    isBusy = false;
    timer = window.setTimeout(loop, pause);
  }
  timer = window.setTimeout(loop, every);
  cover?.addEventListener("toggle", () => {
    window.clearTimeout(timer);
    if (cover.open) loop();
  });
}

function hasSelection(part: HTMLElement): boolean {
  const selection = window.getSelection();
  return selection !== null && !selection.isCollapsed && part.contains(selection.anchorNode);
}
