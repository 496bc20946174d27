/** The microphone's level and a tone for the speaker, to try them before the first call. */

export interface Microphone {
  /** How loud it is now, 0 to 1. */
  level(): number;
  stop(): void;
}

/** Rejects with the browser's `NotAllowedError`, `NotFoundError`… */
export async function listen(deviceId: string): Promise<Microphone> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: deviceId ? { deviceId: { exact: deviceId } } : true });
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level() {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
      return Math.min(1, Math.sqrt(power) * 4);
    },
    stop() {
      for (const track of stream.getTracks()) track.stop();
      void context.close();
    },
  };
}

/** Two soft notes through the chosen speaker. */
export async function tone(deviceId: string): Promise<void> {
  const context = new AudioContext();
  const sink = (context as AudioContext & { setSinkId?: (id: string) => Promise<void> }).setSinkId;
  if (deviceId && sink) await sink.call(context, deviceId).catch(() => undefined);
  const gain = context.createGain();
  gain.gain.value = 0.12;
  gain.connect(context.destination);
  [523, 659].forEach((pitch, n) => {
    const note = context.createOscillator();
    note.frequency.value = pitch;
    note.connect(gain);
    note.start(context.currentTime + n * 0.22);
    note.stop(context.currentTime + n * 0.22 + 0.2);
  });
  setTimeout(() => void context.close(), 900);
}
