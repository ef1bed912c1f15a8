// What the desk sounds like: an alarm that nobody has answered, a connection that is lost, a test tone.
"use strict";

const Sound = (() => {
  const AGAIN_MS = 2500;
  const TUNES = { alarm: [880, 660, 880, 660], lost: [220, 220], test: [660] };
  const NOTE_S = 0.22;
  let context = null;
  let playing = ""; // the tune that is repeated

  function play(tune) {
    if (!on()) return;
    TUNES[tune].forEach((pitch, place) => {
      const tone = context.createOscillator();
      const loudness = context.createGain();
      const start = context.currentTime + place * NOTE_S;
      tone.type = "square";
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0.2, start);
      loudness.gain.linearRampToValueAtTime(0, start + NOTE_S * 0.9);
      tone.connect(loudness).connect(context.destination);
      tone.start(start);
      tone.stop(start + NOTE_S);
    });
  }

  // a browser lets a page sound only after somebody has touched it
  async function start() {
    context ??= new AudioContext();
    await context.resume();
  }

  function on() {
    return context?.state === "running";
  }

  function repeat(tune) {
    if (tune === playing) return;
    playing = tune;
    document.documentElement.dataset.sound = tune;
    if (tune) play(tune);
  }

  setInterval(() => playing && play(playing), AGAIN_MS);
  return { start, on, play, repeat };
})();
