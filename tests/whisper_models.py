"""Whisper models that nobody trained, which the real library loads and runs: whatever they hear, they say what they were made to.

The weights of all layers are next to nothing, so what is said depends on the position only: the encoding of each position points
to the word that comes next.
"""

from __future__ import annotations

import json
import math
import re

import numpy as np

from calotype.ai.wav import RATE, write_samples

SAID = "<|0.00|> waves break below the lighthouse.<|1.50|><|1.50|> a ship passes slowly.<|3.00|>"
SEGMENTS = ((0.0, 1.5, "waves break below the lighthouse."), (1.5, 3.0, "a ship passes slowly."))

_WIDTH = 64
_HEADS = 2
_POSITIONS = 448
_LOUD = 6.0  # how sure it is of what it says


def make_whisper(folder, said=SAID, *, language="de", mels=80):
    """A multilingual model in the format of CTranslate2 in a new folder; `language` is the one it takes everything for."""
    from ctranslate2.specs import whisper_spec

    tokens = _tokens(said)
    folder.mkdir(parents=True)
    places = {token: index for index, token in enumerate(tokens)}
    spec = whisper_spec.WhisperSpec(1, _HEADS, 1, _HEADS)
    random = np.random.default_rng(7)
    _fill(spec, random, mels=mels, words=len(tokens))
    end = "<|endoftext|>"
    script = [f"<|{language}|>", end, *_split(said)]  # after the start its language, after the prompt what is said
    projection = np.zeros((len(tokens), _WIDTH), dtype=np.float32)
    positions = np.zeros((_POSITIONS, _WIDTH), dtype=np.float32)
    lines = {}
    for position in range(_POSITIONS):
        token = script[position] if position < len(script) else end
        line = lines.setdefault(token, len(lines))
        projection[places[token], line] = positions[position, line] = 1
    spec.decoder.projection.weight = projection
    spec.decoder.position_encodings.encodings = positions
    spec.decoder.layer_norm.gamma = np.full(_WIDTH, _LOUD, dtype=np.float32)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [places[f"<|{code}|>"] for code in _languages()]
    spec.config.alignment_heads = []
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    _tokenizer(tokens).save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": mels}))
    return folder


def write_speech(path, seconds, *, silent=False):
    """A WAV file as transcribers get it, with something that a detector takes for a voice; its path."""
    write_samples(path, np.zeros(int(seconds * RATE)) if silent else _voice(int(seconds * RATE)))
    return path


def _voice(count):
    """Vowels, a few a second: pulses of a gliding pitch through two resonances, swelling and fading."""
    time = np.arange(count) / RATE
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * time)
    phase = np.cumsum(pitch) / RATE
    source = 2 * (phase % 1) - 1
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (530, 1840, 2480)]
    sound = np.zeros(count)
    length = int(0.22 * RATE)
    for index, start in enumerate(range(0, count, length)):
        part = source[start : start + length]
        voiced = part
        for formant in vowels[index % len(vowels)]:
            voiced = _resonate(voiced, formant, 90)
        sound[start : start + length] = voiced / (np.abs(voiced).max() or 1) * np.hanning(len(part) + 2)[1:-1]
    return 0.5 * sound


def _resonate(sound, frequency, width):
    """A resonator of two poles (Klatt 1980, equation 1), in the frequency domain."""
    c = -math.exp(-2 * math.pi * width / RATE)
    b = 2 * math.exp(-math.pi * width / RATE) * math.cos(2 * math.pi * frequency / RATE)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(2 * len(sound)))
    response = (1 - b - c) / (1 - b * z - c * z * z)
    return np.fft.irfft(np.fft.rfft(sound, 2 * len(sound)) * response)[: len(sound)]


def _languages():
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return [code for code in _LANGUAGE_CODES if code != "yue"]


def _split(said):
    """Times, and words with the blank before them."""
    return re.findall(r"<\|[0-9.]+\|>| ?[^ <]+", said)


def _tokens(said):
    """Words, and the marks in the order of real models; the library knows by the empty one that a model speaks many languages."""
    words = list(dict.fromkeys(word for word in [" -", " '", *_split(said)] if not word.startswith("<|")))
    special = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in _languages()),
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
        *(f"<|{index * 0.02:.2f}|>" for index in range(1501)),
    ]
    return [*words, "", *special]


def _tokenizer(tokens):
    import tokenizers

    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({token: index for index, token in enumerate(tokens)}, " -"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(" ?[^ ]+"), "isolated")
    made.decoder = tokenizers.decoders.Fuse()
    return made


def _fill(spec, random, *, mels, words):
    def small(*shape):
        return (0.001 * random.standard_normal(shape)).astype(np.float32)

    def norm(layer):
        layer.gamma, layer.beta = np.ones(_WIDTH, dtype=np.float32), np.zeros(_WIDTH, dtype=np.float32)

    def linear(layer, out, into):
        layer.weight, layer.bias = small(out, into), np.zeros(out, dtype=np.float32)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = small(_WIDTH, mels, 3), np.zeros(_WIDTH, dtype=np.float32)
    encoder.conv2.weight, encoder.conv2.bias = small(_WIDTH, _WIDTH, 3), np.zeros(_WIDTH, dtype=np.float32)
    encoder.position_encodings.encodings = small(1500, _WIDTH)
    decoder.embeddings.weight = small(words, _WIDTH)
    decoder.layer_norm.beta = np.zeros(_WIDTH, dtype=np.float32)
    norm(encoder.layer_norm)
    for layer in (encoder.layer[0], decoder.layer[0]):
        norm(layer.self_attention.layer_norm)
        linear(layer.self_attention.linear[0], 3 * _WIDTH, _WIDTH)
        linear(layer.self_attention.linear[1], _WIDTH, _WIDTH)
        norm(layer.ffn.layer_norm)
        linear(layer.ffn.linear_0, 4 * _WIDTH, _WIDTH)
        linear(layer.ffn.linear_1, _WIDTH, 4 * _WIDTH)
    across = decoder.layer[0].attention
    norm(across.layer_norm)
    linear(across.linear[0], _WIDTH, _WIDTH)
    linear(across.linear[1], 2 * _WIDTH, _WIDTH)
    linear(across.linear[2], _WIDTH, _WIDTH)
