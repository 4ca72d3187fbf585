"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const slider = document.getElementById("time");
  const [first, last] = data.window;
  const steps = Number(slider.max);
  const times = [...new Set(data.moments.map((moment) => moment[0]))].filter((time) => time >= first && time <= last);
  let now = first;

  // The state of every host at a time: all changes up to then, in order.
  function stateAt(time) {
    const state = Object.fromEntries(data.hosts.map((host) => [host, {}]));
    for (const [seconds, host, key, value] of data.changes) {
      if (seconds > time) break;
      const of = state[host];
      if (of === undefined) continue;
      of[key] = typeof value === "number" ? (of[key] || 0) + value : Number(value);
    }
    return state;
  }

  function cell(row, index, text, wrong) {
    row.cells[index].textContent = text;
    row.cells[index].classList.toggle("wrong", wrong);
  }

  function standing(of, kind, broken) {
    if (kind === "client") return ["", false];
    if (!(of.lives > 0)) return ["down", true];
    for (const word of ["paused", "frozen"]) if (broken.includes(word)) return [word, true];
    return ["up", false];
  }

  function show(time) {
    now = Math.min(Math.max(time, first), last);
    slider.value = Math.round(((now - first) / (last - first)) * steps);
    const text = now.toFixed(3) + " s";
    document.getElementById("clock").textContent = text;
    slider.setAttribute("aria-valuetext", text);
    for (const svg of document.querySelectorAll("svg")) {
      const [begin, end, pad] = [Number(svg.dataset.first), Number(svg.dataset.last), Number(svg.dataset.pad)];
      const x = pad + ((now - begin) / (end - begin)) * (svg.viewBox.baseVal.width - 2 * pad);
      for (const end of ["x1", "x2"]) svg.querySelector(".now").setAttribute(end, x);
    }
    const state = stateAt(now);
    for (const row of document.getElementById("hosts").rows) {
      const of = state[row.dataset.host];
      const broken = Object.keys(of).filter((key) => key.startsWith("fault ") && of[key] > 0).map((key) => key.slice(6));
      const [word, wrong] = standing(of, row.dataset.kind, broken);
      cell(row, 1, word, wrong);
      if (row.dataset.kind === "node") {
        cell(row, 2, String(of.spool || 0), false);
        cell(row, 3, String(of.delivered || 0), false);
        cell(row, 4, String(of.sessions || 0), false);
      }
      cell(row, 5, broken.join(", "), broken.length > 0);
    }
    around();
  }

  function around() {
    let index = data.moments.findLastIndex((moment) => moment[0] <= now + 1e-9);
    const list = document.getElementById("around");
    list.replaceChildren();
    for (let each = Math.max(0, index - 4); each < Math.min(data.moments.length, index + 4); each++) {
      const [seconds, said, kind, guilty] = data.moments[each];
      const item = document.createElement("li");
      const time = document.createElement("time");
      const words = document.createElement("span");
      time.textContent = seconds.toFixed(3) + " s";
      words.textContent = said;
      if (kind) words.classList.add(kind);
      if (guilty) item.classList.add("guilty");
      if (each === index) item.classList.add("current");
      item.append(time, words);
      list.append(item);
    }
  }

  function next() { show(times.find((time) => time > now + 1e-9) ?? last); }
  function before() { show(times.findLast((time) => time < now - 1e-9) ?? first); }

  slider.addEventListener("input", () => show(first + ((last - first) * Number(slider.value)) / steps));
  document.getElementById("on").addEventListener("click", next);
  document.getElementById("back").addEventListener("click", before);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === ".") next();
    else if (event.key === ",") before();
    else if (event.target === slider || event.target.closest(".picture")) return;
    else if (event.key === "ArrowRight") show(now + (last - first) / 200);
    else if (event.key === "ArrowLeft") show(now - (last - first) / 200);
  });
  show(data.at);
})();
