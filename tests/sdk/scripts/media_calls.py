"""Drives the SDKs of sound and pictures: what an application would do, and what they say without money."""

import io

from deepgram import DeepgramClient, DeepgramClientEnvironment
from elevenlabs import ElevenLabs
from openai import OpenAI
from report import Report

TEXT = "Why is the sky blue?"


def wav(seconds):
    size = int(seconds * 32_000)
    form = (16).to_bytes(4, "little") + bytes.fromhex("01000100803e0000007d000002001000")
    return (
        b"RIFF"
        + (36 + size).to_bytes(4, "little")
        + b"WAVEfmt "
        + form
        + b"data"
        + size.to_bytes(4, "little")
        + bytes(size)
    )


def listener(told, key):
    base = f"{told['edge']}/deepgram"
    place = DeepgramClientEnvironment(base=base, production=base, agent=base, agent_rest=base)
    return DeepgramClient(api_key=key, environment=place)


def speak(report, client):
    with client.audio.speech.with_streaming_response.create(model="tts-1", input=TEXT, voice="alloy") as answer:
        report.note("speech", len(answer.read()))
    report.meter("speech", "tts-1", {"characters": len(TEXT)})
    more = {"stream_format": "sse"}
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", input=TEXT, voice="alloy", **more
    ) as answer:
        report.note("speech events", answer.read().decode().count("data: "))
    report.meter("speech events", "gpt-4o-mini-tts", {"input_tokens": 7, "output_audio_tokens": 40})


def hear(report, client):
    file = ("sky.wav", wav(2.5), "audio/wav")
    make = client.audio.transcriptions.create
    plain = make(model="whisper-1", file=file)
    report.note("transcription", {"text": plain.text, "seconds": plain.usage.seconds})
    report.meter("transcription", "whisper-1", {"audio_seconds": plain.usage.seconds})
    verbose = make(
        model="whisper-1", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    report.note("verbose", {"text": verbose.text, "seconds": float(verbose.duration)})
    report.meter("verbose", "whisper-1", {"audio_seconds": verbose.usage.seconds})
    for shape in ("text", "srt", "vtt"):
        report.note(shape, make(model="whisper-1", file=file, response_format=shape))
        report.meter(shape, "whisper-1", {"audio_seconds": 3})
    tokens = make(model="gpt-4o-transcribe", file=io.BytesIO(wav(2.5)))
    used = {
        "input_audio_tokens": tokens.usage.input_token_details.audio_tokens,
        "output_tokens": tokens.usage.output_tokens,
    }
    report.note("tokens", tokens.text)
    report.meter("tokens", "gpt-4o-transcribe", used)
    events = list(make(model="gpt-4o-transcribe", file=file, stream=True))
    report.note("stream", [event.type for event in events])
    report.meter("stream", "gpt-4o-transcribe", used)
    translated = client.audio.translations.create(model="whisper-1", file=file)
    report.note("translation", translated.text)
    report.meter("translation", "whisper-1", {"audio_seconds": 3})


def draw(report, client):
    drawn = client.images.generate(model="gpt-image-1.5", prompt="a cat", n=2)
    details = drawn.usage.input_tokens_details
    used = {
        "input_tokens": details.text_tokens,
        "input_image_tokens": details.image_tokens,
        "output_image_tokens": drawn.usage.output_tokens,
    }
    report.note("picture", len(drawn.data))
    report.meter("picture", "gpt-image-1.5", used)
    edited = client.images.edit(
        model="gpt-image-1.5", prompt="a hat", image=[("a.png", b"PNG1", "image/png"), ("b.png", b"PNG2", "image/png")]
    )
    report.note("edit", edited.data[0].b64_json)
    report.meter("edit", "gpt-image-1.5", used)
    old = client.images.generate(model="dall-e-3", prompt="a cat", size="1792x1024", quality="standard")
    report.note("by size", len(old.data))
    report.meter("by size", "dall-e-3", {"images": 1})


def eleven(report, client):
    sound = client.text_to_speech.convert("JBFqnCBsd6RMkjVDRZzb", text=TEXT, model_id="eleven_flash_v2_5")
    report.note("eleven speech", len(b"".join(sound)))
    report.meter("eleven speech", "eleven_flash_v2_5", {"characters": len(TEXT) // 2})
    sound = client.text_to_speech.stream("JBFqnCBsd6RMkjVDRZzb", text=TEXT, model_id="eleven_multilingual_v2")
    report.note("eleven stream", len(b"".join(sound)))
    report.meter("eleven stream", "eleven_multilingual_v2", {"characters": len(TEXT) // 2})
    scribed = client.speech_to_text.convert(model_id="scribe_v2", file=("sky.wav", wav(2.5), "audio/wav"))
    report.note("scribe", scribed.text)
    report.meter("scribe", "scribe_v2", {"audio_seconds": scribed.audio_duration_secs})


def deep(report, client):
    heard = client.listen.v1.media.transcribe_file(request=wav(2.5), model="nova-3", diarize=True)
    report.note("listen", heard.results.channels[0].alternatives[0].transcript)
    seconds = heard.metadata.duration
    report.meter("listen", "nova-3", {"audio_seconds": seconds, "diarized_seconds": seconds})
    heard = client.listen.v1.media.transcribe_url(url="https://example.org/sky.wav", model="nova-3")
    report.note("listen url", heard.results.channels[0].alternatives[0].transcript)
    report.meter("listen url", "nova-3", {"audio_seconds": seconds})
    sound = client.speak.v1.audio.generate(text=TEXT, model="aura-2-thalia-en")
    report.note("aura", len(b"".join(sound)))
    report.meter("aura", "aura-2-thalia-en", {"characters": len(TEXT)})


def poor(report):
    told, key = report.told, report.told["poor"]
    openai = OpenAI(base_url=f"{told['edge']}/openai/v1", api_key=key)
    eleven = ElevenLabs(base_url=f"{told['edge']}/elevenlabs", api_key=key)
    deep = listener(told, key)
    file = ("sky.wav", wav(2.5), "audio/wav")
    report.fails("402 speech", lambda: openai.audio.speech.create(model="tts-1", input=TEXT, voice="alloy"))
    report.fails("402 hear", lambda: openai.audio.transcriptions.create(model="whisper-1", file=file))
    report.fails("402 eleven", lambda: b"".join(eleven.text_to_speech.convert("x", text=TEXT)))
    report.fails("402 scribe", lambda: eleven.speech_to_text.convert(model_id="scribe_v2", file=file))
    report.fails("402 listen", lambda: deep.listen.v1.media.transcribe_file(request=wav(1), model="nova-3"))
    report.fails("402 aura", lambda: b"".join(deep.speak.v1.audio.generate(text=TEXT, model="aura-2-thalia-en")))


def main():
    report = Report()
    told = report.told
    openai = OpenAI(base_url=f"{told['edge']}/openai/v1", api_key=told["key"])
    speak(report, openai)
    hear(report, openai)
    draw(report, openai)
    eleven(report, ElevenLabs(base_url=f"{told['edge']}/elevenlabs", api_key=told["key"]))
    deep(report, listener(told, told["key"]))
    poor(report)
    report.tell()


main()
