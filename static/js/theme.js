// Runs in <head>, before first paint. The server has already written the theme of the cookie; only "system" asks the browser.
(function () {
  var root = document.documentElement;
  var choice = root.getAttribute("data-theme-choice");
  var dark = matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    var chosen = root.getAttribute("data-theme-choice");
    root.setAttribute("data-bs-theme", chosen || (dark.matches ? "dark" : "light"));
  }
  apply();
  dark.addEventListener("change", apply);
  root.setAttribute("data-js", "");
  addEventListener("theme", function (ev) {
    choice = ev.detail;
    if (choice === "system") root.removeAttribute("data-theme-choice");
    else root.setAttribute("data-theme-choice", choice);
    document.cookie = "theme=" + choice + ";path=/;max-age=31536000;samesite=lax" + (location.protocol === "https:" ? ";secure" : "");
    apply();
  });
})();
