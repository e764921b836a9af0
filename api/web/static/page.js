// What JavaScript adds to pages that work without it. No inline code, no storage, no outside request.

// A deposit is asked again while it moves: every 2 s, more and more seldom up to 15 s, never when hidden.
const followed = document.querySelector("[data-follow]");
if (followed) {
  const announcer = document.getElementById("annonce");
  let tag = followed.dataset.follow, pause = 2000, timer, share = followed.querySelector("[data-share]").dataset.share;
  const later = () => {
    clearTimeout(timer);
    if (!document.hidden && !followed.querySelector("[data-over]")) timer = setTimeout(() => htmx.trigger(followed, "ask"), pause);
  };
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement === followed) ctx.request.headers["If-None-Match"] = tag;
  });
  followed.addEventListener("htmx:after:request", (event) => {
    const { response } = event.detail.ctx;
    if (response.status === 200) tag = response.headers.get("ETag");
    pause = response.status === 200 ? 2000 : Math.min(pause * 1.5, 15000);
  });
  followed.addEventListener("htmx:finally:request", () => {
    const line = followed.querySelector("[data-share]");
    if (line.dataset.share !== share) {
      share = line.dataset.share;
      announcer.textContent = line.textContent;
    }
    later();
  });
  document.addEventListener("visibilitychange", () => { pause = 2000; later(); });
  later();
}

// Sending a large file takes time: say so, and don't let an impatient second click send it twice.
for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", () => {
    const said = form.querySelector("[data-sending]");
    setTimeout(() => {
      form.querySelector("button.main").disabled = true;
      if (said) said.textContent = said.dataset.sending;
    });
  });
}
// Coming back with the browser's own button must not find the button dead.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-send] button.main")) button.disabled = false;
});

// A list that swaps by itself needs no button to apply it.
document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx?.target;
  if (target?.dataset.title) document.title = target.dataset.title;
});
