// Runs before the first paint, so that a chosen theme or language never flashes the other one.
try {
  var theme = localStorage.getItem("cch.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  var language = localStorage.getItem("cch.language");
  if (language === "zh") document.documentElement.lang = "zh-CN";
} catch (blocked) {
  // Storage may be forbidden: the system's preference is used then.
}
