// Before the first paint: the theme and the language that were chosen here, or that the system prefers.
(() => {
  const root = document.documentElement;
  const kept = (name) => { try { return localStorage.getItem("try." + name); } catch { return null; } };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = kept("theme") || (dark ? "dark" : "light");
  root.lang = kept("language") || (navigator.language.startsWith("zh") ? "zh-CN" : "en");
})();
