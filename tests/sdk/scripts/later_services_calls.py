"""Drives a transcript and a prediction through AssemblyAI's and Replicate's own SDKs. Prints what each showed."""

import json
import sys
from typing import Any

import assemblyai
from replicate.client import Client
from replicate.exceptions import ReplicateError

told = json.loads(sys.stdin.read())
edge, key, other, names = told["edge"], told["key"], told["other"], told["names"]
assemblyai.settings.base_url = f"{edge}/assemblyai"
assemblyai.settings.polling_interval = 0.2


def replicate(with_key: str) -> Client:
    """Return Replicate's client."""
    return Client(api_token=with_key, base_url=f"{edge}/replicate")


def begin() -> dict[str, Any]:
    assemblyai.settings.api_key = key
    config = assemblyai.TranscriptionConfig(speech_models=["universal-2"], speaker_labels=True)
    transcript = assemblyai.Transcriber().submit("https://a.example/a.mp3", config)
    prediction = replicate(key).models.predictions.create(model=("stability-ai", "sdxl"), input={"prompt": "A tide"})
    return {"transcript": [transcript.id, transcript.status.value], "prediction": [prediction.id, prediction.status]}


def end() -> dict[str, Any]:
    assemblyai.settings.api_key = key
    transcript = assemblyai.Transcript.get_by_id(names["transcript"])  # looks until it is over
    prediction = replicate(key).predictions.get(names["prediction"])
    prediction.wait()
    shown: dict[str, Any] = {
        "transcript": [transcript.status.value, transcript.audio_duration],
        "prediction": [prediction.status, prediction.metrics],
    }
    assemblyai.settings.api_key = other
    try:
        assemblyai.Transcript.get_by_id(names["transcript"])
    except assemblyai.TranscriptError as error:
        shown["strangers transcript"] = str(error)
    try:
        replicate(other).predictions.get(names["prediction"])
    except ReplicateError as error:
        shown["strangers prediction"] = error.status
    return shown


sys.stdout.write(json.dumps(begin() if told["begin"] else end()))
