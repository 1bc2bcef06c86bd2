(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const text = (tag, value) => Object.assign(document.createElement(tag), { textContent: value });
  document.documentElement.classList.add("js");

  // Copy a paragraph or a command.
  for (const button of all("button[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      const label = button.textContent;
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = "Selected: copy it from here";
      }
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }

  // Sort a table by a column: numbers as numbers, a second press turns the order.
  const number = (cell) => parseFloat(/-?\d[\d.]*/.exec(cell.textContent.replace("\u2212", "-"))?.[0]);
  const makeSortable = (table) => {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      if (head.dataset.plain !== undefined) return;
      const button = text("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => number(row.cells[column]) || 0;
        const body = table.tBodies[0];
        body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * (key(a) - key(b))));
      });
    });
  };
  all("table[data-sortable]").forEach(makeSortable);

  const source = document.getElementById("rows-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const chosen = source.dataset.chosen;
  const axes = JSON.parse(source.dataset.axes);
  const share = (permille) => `${(permille / 10).toFixed(1)}\u00a0%`;

  // The list of all rows, made when it is first opened.
  const list = document.getElementById("all-rows");
  const clusters = data.memberships[chosen][0].map((_, k) => `cluster ${k + 1}`);
  const heads = ["row", ...data.columns, ...clusters];
  list.closest("details").addEventListener("toggle", () => {
    if (list.rows.length) return;
    const head = list.createTHead().insertRow();
    for (const name of heads) {
      const cell = text("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = list.createTBody();
    data.values.forEach((values, i) => {
      const row = body.insertRow();
      const name = text("th", String(data.numbers[i]));
      name.scope = "row";
      row.append(name, ...values.map((value) => text("td", value)));
      row.append(...data.memberships[chosen][i].map((p) => text("td", share(p))));
    });
    makeSortable(list);
  });
  document.getElementById("save-rows").addEventListener("click", () => {
    const quoted = (value) => `"${String(value).replaceAll('"', '""').replaceAll("\u2212", "-")}"`;
    const lines = data.values.map((values, i) =>
      [data.numbers[i], ...values, ...data.memberships[chosen][i].map((p) => p / 1000)].map(quoted).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([[heads.map(quoted).join(","), ...lines].join("\n")], { type: "text/csv" }));
    link.download = "memberships.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  // Point at a row to read its memberships.
  const readout = document.getElementById("readout");
  const hint = readout.textContent;
  const plain = (value) => parseFloat(value.replace("\u2212", "-"));
  const points = data.values.map((values) => axes.map((j) => plain(values[j])));
  const say = (row, k) => {
    const values = data.columns.map((name, j) => `${name} ${data.values[row][j]}`).join(", ");
    const sure = data.memberships[k][row].map((p, c) => `cluster ${c + 1}: ${share(p)}`).join(" · ");
    readout.replaceChildren(text("b", `Row ${data.numbers[row]}`), `: ${values}`, document.createElement("br"), sure);
  };
  for (const box of all(".switch [data-geometry]")) {
    const svg = box.querySelector("svg");
    const k = box.closest("[data-k]").dataset.k;
    const g = JSON.parse(box.dataset.geometry);
    const flat = axes.length === 1;
    const ring = document.createElementNS("http://www.w3.org/2000/svg", flat ? "line" : "circle");
    ring.setAttribute("class", "ring");
    ring.setAttribute("visibility", "hidden");
    svg.append(ring);
    const place = points.map(([x, y]) => [
      g.x0 + ((x - g.X0) / (g.X1 - g.X0)) * (g.x1 - g.x0),
      flat ? 0 : g.y0 + ((y - g.Y0) / (g.Y1 - g.Y0)) * (g.y1 - g.y0),
    ]);
    const point = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      let nearest = -1;
      let least = 400;
      place.forEach(([x, y], i) => {
        const far = (x - at.x) ** 2 + (flat ? 0 : (y - at.y) ** 2);
        if (far < least) { least = far; nearest = i; }
      });
      ring.setAttribute("visibility", nearest < 0 ? "hidden" : "visible");
      if (nearest < 0) { readout.textContent = hint; return; }
      const [x, y] = place[nearest];
      const where = flat ? { x1: x, x2: x, y1: g.y0, y2: g.y1 } : { cx: x, cy: y, r: 9 };
      for (const [name, value] of Object.entries(where)) ring.setAttribute(name, value);
      say(nearest, k);
    };
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
  }
})();
