// What changes while a page is printed: charts are drawn in the colours of paper, and a list shows its first rows.

export function onPrint(redraw) {
  let theme = "";
  window.addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    redraw(true);
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.dataset.theme = theme;
    redraw(false);
  });
}
