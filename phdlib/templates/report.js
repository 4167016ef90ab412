// The ledger: rows that open, columns that sort, filters. Without this script every row is open, and nothing is lost.
document.documentElement.classList.add("js");
const table = document.getElementById("claims");
const claims = [...table.tBodies];
const form = document.getElementById("filters");
const openAll = document.getElementById("open-all");

function unfold(claim, yes) {
  claim.classList.toggle("open", yes);
  claim.querySelector("th button").setAttribute("aria-expanded", yes);
}

function order(claim, key) {
  if (key === "outcome") return [...form.querySelectorAll("#by-outcome option")].findIndex((o) => o.text === came(claim));
  if (key === "type") return claim.dataset.type;
  if (key === "text") return claim.querySelector(".says").textContent.toLowerCase();
  return original.indexOf(claim);
}

// The outcome that a claim is filtered and sorted by: on the chosen data, or on the report's own.
function came(claim) {
  const source = document.getElementById("by-source")?.value;
  const pairs = claim.dataset.outcome.split(" ").map((pair) => pair.split(":"));
  return (pairs.find(([data]) => data === source) ?? pairs[0])[1].replaceAll("-", " ");
}

const original = [...claims];
let sorted = ["id", 1];
function sort(key) {
  sorted = [key, sorted[0] === key ? -sorted[1] : 1];
  const by = new Map(claims.map((claim) => [claim, order(claim, key)]));
  claims.sort((a, b) => {
    const [x, y] = [by.get(a), by.get(b)];
    return x === y ? original.indexOf(a) - original.indexOf(b) : sorted[1] * (x < y ? -1 : 1);
  });
  table.append(...claims);
  for (const button of table.querySelectorAll("[data-sort]")) {
    const way = button.dataset.sort === key ? (sorted[1] > 0 ? "ascending" : "descending") : "none";
    button.parentElement.setAttribute("aria-sort", way);
  }
}

function filter() {
  const value = (name) => document.getElementById(`by-${name}`)?.value ?? "";
  const words = document.getElementById("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const claim of claims) {
    const text = claim.textContent.toLowerCase();
    const fits =
      (!value("paper") || claim.dataset.paper === value("paper")) &&
      (!value("type") || claim.dataset.type === value("type")) &&
      (!value("outcome") || came(claim) === value("outcome")) &&
      words.every((word) => text.includes(word));
    claim.hidden = !fits;
    shown += fits;
  }
  document.getElementById("shown").textContent = `${shown} of ${claims.length} claims`;
}

// A link to a claim opens its row, and takes a filter away that hides it.
function follow() {
  const claim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!claim || !claims.includes(claim)) return;
  if (claim.hidden) {
    form.reset();
    filter();
  }
  unfold(claim, true);
  claim.scrollIntoView();
}

table.addEventListener("click", (event) => {
  const heading = event.target.closest("[data-sort]");
  if (heading) return sort(heading.dataset.sort);
  const row = event.target.closest("tr.row");
  if (row && !event.target.closest("a") && !String(getSelection())) unfold(row.parentElement, !row.parentElement.classList.contains("open"));
});
openAll.addEventListener("click", () => {
  const yes = openAll.textContent === "open all";
  for (const claim of claims) unfold(claim, yes);
  openAll.textContent = yes ? "close all" : "open all";
});
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", follow);
filter();
follow();
