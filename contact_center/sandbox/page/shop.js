// Each virtual customer has a browser of their own: what the widget keeps is put away when another one comes.
(() => {
  const as = new URLSearchParams(location.search).get("as") || "somebody";
  const widgets = (key) => key.startsWith("contact-center:");
  try {
    const before = localStorage.getItem("shop.as");
    if (before === as) return;
    const own = `shop.of.${as}|`;
    for (const key of Object.keys(localStorage).filter(widgets)) {
      if (before) localStorage.setItem(`shop.of.${before}|${key}`, localStorage.getItem(key));
      localStorage.removeItem(key);
    }
    for (const key of Object.keys(localStorage).filter((key) => key.startsWith(own))) {
      localStorage.setItem(key.slice(own.length), localStorage.getItem(key));
      localStorage.removeItem(key);
    }
    localStorage.setItem("shop.as", as);
  } catch { /* without storage the chat lives as long as the page */ }
})();
