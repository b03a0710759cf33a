// What the pages can do without: buttons that copy a command, and keys: 1 to 4 open the pages, / goes to the filter.
"use strict";

for (const code of document.querySelectorAll(".command > code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  code.after(button);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const links = document.querySelectorAll("header nav a");
  const link = links[Number(event.key) - 1];
  const filter = document.querySelector("form select");
  if (link) link.click();
  else if (event.key === "/" && filter) { event.preventDefault(); filter.focus(); }
});
