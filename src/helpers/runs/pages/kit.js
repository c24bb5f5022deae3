/* Brings a served page to life. It asks this server only, runs nothing it is sent, and the page works without it:
   the choices are a form. Every answer is one page at one set of choices; it is shown whole or not at all. */
(function () {
  "use strict";
  var doc = document, root = doc.documentElement, body = doc.body, main = doc.getElementById("content");
  var now = doc.querySelector(".kit-now"), say = body.dataset;

  function tell(text, busy) {
    if (!now) return;
    now.textContent = text || "";
    now.classList.toggle("kit-busy", !!busy);
  }

  /* --- the portal: search while one types --- */
  var search = doc.querySelector(".kit-search input");
  if (search) {
    var hits = doc.querySelector(".kit-hits"), nothing = doc.querySelector(".kit-nothing");
    search.addEventListener("input", function () {
      var words = search.value.toLowerCase().split(/\s+/).filter(Boolean), count = 0;
      doc.querySelectorAll("[data-words]").forEach(function (el) {
        var fits = words.every(function (w) { return el.dataset.words.indexOf(w) >= 0; });
        el.hidden = !fits;
        if (fits && el.classList.contains("kit-card")) count += 1;
      });
      doc.querySelectorAll(".kit-personas > li").forEach(function (el) {
        el.hidden = !el.querySelector("[data-words]:not([hidden])");
      });
      hits.textContent = words.length ? hits.dataset.found.replace("#", count) : "";
      nothing.hidden = count > 0;
    });
    root.dataset.live = "yes";
    return;
  }

  /* --- a page --- */
  var running = null, number = 0;

  function query(form) {
    var found = new URLSearchParams();
    new FormData(form).forEach(function (value, name) { if (value) found.set(name, value); });
    return found.toString();
  }

  function parsed(html) {
    var made = doc.createElement("template");
    made.innerHTML = html;
    return made.content;
  }

  /* The form stays where it is, so that the keyboard does not lose its place; its lists and values follow. */
  function follow(old, fresh) {
    fresh.querySelectorAll("select").forEach(function (given) {
      var held = old.querySelector('select[name="' + CSS.escape(given.name) + '"]');
      if (!held) return;
      if (held.innerHTML !== given.innerHTML) {
        var value = given.value;
        held.innerHTML = given.innerHTML;
        held.value = value;
      }
    });
  }

  function show(parts, done) {
    var seen = {}, last = null, held = doc.getElementById("kit-parts");
    parts.forEach(function (part) {
      seen[part.part] = true;
      var el = held.querySelector('[data-part="' + part.part + '"]');
      if (!el) {
        el = doc.createElement("div");
        el.className = "kit-part";
        el.dataset.part = part.part;
        held.insertBefore(el, last ? last.nextSibling : held.firstChild);
      }
      last = el;
      if (el.dataset.sign === part.sign) return;
      var fresh = parsed(part.html), form = el.querySelector(".kit-choices"), given = fresh.querySelector(".kit-choices");
      if (form && given) follow(form, given); else el.replaceChildren(fresh);
      el.dataset.sign = part.sign;
    });
    held.querySelectorAll("[data-part]").forEach(function (el) { if (!seen[el.dataset.part]) el.remove(); });
    var about = doc.querySelector(".kit-about");
    if (about && done.about) about.replaceWith(parsed(done.about));
    copying();
    doc.title = done.title;
    var renewed = say.version && done.version !== say.version;
    say.version = done.version;
    newer(false);
    var h1 = doc.querySelector("h1");
    tell(renewed ? say.renewed : say.ready + (h1 ? ": " + h1.textContent : ""));
    if (!renewed) setTimeout(function () { if (!running) tell(""); }, 4000);
  }

  function stop(said, reference) {
    doc.querySelectorAll(".kit-said-by-us").forEach(function (el) { el.remove(); });
    var box = doc.createElement("div");
    box.className = "kit-message kit-stopped kit-said-by-us";
    box.setAttribute("role", "alert");
    var p = doc.createElement("p");
    p.textContent = said;
    box.append(p);
    if (reference) {
      var small = doc.createElement("p");
      small.className = "kit-reference";
      small.textContent = reference;
      box.append(small);
    }
    doc.getElementById("kit-parts").before(box);
    tell("");
  }

  async function load(search) {
    if (running) running.abort();
    var mine = running = new AbortController(), order = number += 1, parts = [], many = doc.querySelectorAll("[data-part]").length;
    doc.querySelectorAll(".kit-said-by-us").forEach(function (el) { el.remove(); });
    var slow = setTimeout(function () { main.setAttribute("aria-busy", "true"); tell(say.working, true); }, 120);
    try {
      var answer = await fetch("live" + (search ? "?" + search : ""), { signal: mine.signal, credentials: "same-origin", redirect: "error" });
      var reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(), rest = "", ended = false;
      for (;;) {
        var piece = await reader.read();
        if (piece.done) break;
        var lines = (rest + piece.value).split("\n");
        rest = lines.pop();
        lines.forEach(function (line) {
          var said = JSON.parse(line);
          if (said.part) {
            parts.push(said);
            if (main.hasAttribute("aria-busy")) tell(say.working + " " + parts.length + " / " + many, true);
          } else if (said.again) parts = [];
          else if (said.wait) tell(said.wait, true);
          else if (said.stopped) { ended = true; stop(said.stopped, said.reference); }
          else if (said.done) { ended = true; show(parts, said.done); }
        });
      }
      if (!ended) stop(say.silent);
      root.dataset.answered = String(order);
    } catch (problem) {
      if (problem.name !== "AbortError") stop(say.silent);
    } finally {
      clearTimeout(slow);
      if (running === mine) { running = null; main.removeAttribute("aria-busy"); }
    }
  }

  main.addEventListener("change", function (event) {
    var form = event.target.closest && event.target.closest(".kit-choices");
    if (!form) return;
    var search = query(form), address = search ? "?" + search : "./";
    if (running) history.replaceState(null, "", address); else history.pushState(null, "", address);
    load(search);
  });
  addEventListener("popstate", function () { load(location.search.slice(1)); });

  function copying() {
    var copy = doc.querySelector(".kit-copy"), link = doc.querySelector(".kit-link");
    if (!copy || !link || !navigator.clipboard) return;
    copy.hidden = false;
    copy.addEventListener("click", function () {
      navigator.clipboard.writeText(link.href).then(function () { tell(copy.dataset.said); }, function () {});
    });
  }
  copying();

  /* --- has the store changed since? --- */
  function newer(is) {
    var box = doc.querySelector(".kit-newer");
    if (!box) return;
    box.hidden = !is;
    box.querySelector("a").href = "./" + location.search;
  }
  async function look() {
    if (doc.hidden || running) return;
    try {
      var said = await (await fetch("state" + location.search, { credentials: "same-origin", redirect: "error" })).json();
      if (said.version && say.version && !running) newer(said.version !== say.version);
    } catch (problem) { /* the next look may find the server */ }
  }
  setInterval(look, 20000);
  doc.addEventListener("visibilitychange", look);
  root.dataset.live = "yes";
  performance.mark("kit-live");
})();
