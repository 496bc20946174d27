// What a telephone sounds like: tones of the keys, ringing, music on hold, and the browser's own voice.

const ROWS = [697, 770, 852, 941], COLUMNS = [1209, 1336, 1477];
const KEYS = "123456789*0#";
let context = null, ringTimer = 0, musicTimer = 0, record = null, on = true;

function audio() {
  // Browsers give no sound before the first click or key, and complain about the attempt.
  if (!on || navigator.userActivation?.hasBeenActive === false) return null;
  context ??= new (window.AudioContext || window.webkitAudioContext)();
  if (context.state === "suspended") context.resume().catch(() => {});
  return context;
}

function tones(frequencies, seconds, volume, delay = 0, shape = "sine") {
  const sound = audio();
  if (!sound) return;
  const start = sound.currentTime + delay, gain = sound.createGain();
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(volume, start + 0.012);
  gain.gain.setValueAtTime(volume, start + seconds - 0.03);
  gain.gain.linearRampToValueAtTime(0, start + seconds);
  gain.connect(sound.destination);
  for (const frequency of frequencies) {
    const tone = sound.createOscillator();
    tone.type = shape;
    tone.frequency.value = frequency;
    tone.connect(gain);
    tone.start(start);
    tone.stop(start + seconds);
  }
}

export const dtmf = (key) => {
  const place = KEYS.indexOf(key);
  if (place >= 0) tones([ROWS[Math.floor(place / 3)], COLUMNS[place % 3]], 0.16, 0.07);
};

export const chime = () => { tones([880], 0.12, 0.05); tones([1320], 0.18, 0.05, 0.11); };

/** `what`: "back" (the far side rings), "bell" (this telephone rings) or "" (neither). */
export function ring(what) {
  if (ring.what === what) return;
  ring.what = what;
  clearInterval(ringTimer);
  if (!what) return;
  const once = what === "back"
    ? () => tones([425], 1.0, 0.04)
    : () => { for (const at of [0, 0.4]) tones([660, 880], 0.3, 0.06, at, "triangle"); };
  once();
  ringTimer = setInterval(once, what === "back" ? 4000 : 2200);
}

const CHORDS = [[261.6, 329.6, 392, 493.9], [220, 261.6, 329.6, 392], [174.6, 220, 261.6, 329.6], [196, 246.9, 293.7, 349.2]];

/** What is played to somebody who holds: the recording at `url` where it can be fetched, else our own music.
 * An empty `url` is silence. */
export function holdMusic(url) {
  if (holdMusic.url === url) return;
  holdMusic.url = url;
  clearInterval(musicTimer);
  record?.pause();
  record = null;
  if (!url) return;
  if (!/^https?:/.test(url)) { chords(); return; }
  const playing = new Audio(url);
  record = playing;
  playing.loop = true;
  playing.volume = 0.5;
  playing.onerror = () => { if (record === playing) chords(); };
  playing.play().catch(() => { /* not before the first click; a broken recording is told by onerror */ });
}

/** A slow, soft walk through four chords. */
function chords() {
  let bar = 0;
  const next = () => {
    const chord = CHORDS[bar++ % CHORDS.length];
    chord.forEach((note, i) => tones([note * 2], 0.9, 0.022, i * 0.38, "triangle"));
    tones([chord[0]], 1.6, 0.03);
  };
  next();
  musicTimer = setInterval(next, 1650);
}

const VOICES = { "cmn-cn": "zh-CN", "cmn-hans-cn": "zh-CN", "cmn-hant-tw": "zh-TW", "cmn-tw": "zh-TW" };
/** The carrier's name of a language as browsers call it. */
export const tongue = (language) => VOICES[language.toLowerCase()] ?? language;

export function speak(text, language) {
  if (!on || !window.speechSynthesis) return;
  const spoken = new SpeechSynthesisUtterance(text);
  spoken.lang = tongue(language || "en-US");
  const base = spoken.lang.slice(0, 2);
  const voices = speechSynthesis.getVoices();
  spoken.voice = voices.find((v) => v.lang === spoken.lang) ?? voices.find((v) => v.lang.startsWith(base)) ?? null;
  spoken.rate = 1.03;
  speechSynthesis.speak(spoken);
}

export const hush = () => window.speechSynthesis?.cancel();

export function turn(sound) {
  on = sound;
  if (!on) { hush(); ring(""); holdMusic(""); }
}
