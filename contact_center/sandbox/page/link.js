// The page's line to the sandbox: one stream of state, and requests.

/** Sends JSON. Throws an Error whose message can be shown. */
export async function post(path, body = {}) {
  const response = await fetch("/sandbox" + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error?.message ?? `HTTP ${response.status}`);
  return answer;
}

export async function get(path) {
  const response = await fetch("/sandbox" + path);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

/** Follows one customer's world: `onState(state)` at once and after each change; `onLink(up)` when the line comes
 * and goes. Returns a function that lets go. */
export function follow(person, onState, onLink) {
  const query = new URLSearchParams({ number: person.number, email: person.email });
  let source = null, timer = 0, stopped = false;
  const open = () => {
    source = new EventSource("/sandbox/stream?" + query);
    source.onopen = () => onLink(true);
    source.onmessage = (event) => { onLink(true); onState(JSON.parse(event.data)); };
    source.onerror = () => {
      onLink(false);
      // The browser comes back by itself from a broken line, not from a refused one.
      if (source.readyState === EventSource.CLOSED && !stopped) timer = setTimeout(open, 1500);
    };
  };
  open();
  return () => { stopped = true; clearTimeout(timer); source.close(); };
}
