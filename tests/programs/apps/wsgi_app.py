"""For gunicorn and Flask's server: /slow takes a second and saves. SAVED names the file."""

import os
import time
from pathlib import Path

from flask import Flask

app = Flask(__name__)


def save(line: str) -> None:
    with Path(os.environ["SAVED"]).open("a") as file:
        file.write(f"{line}\n")


@app.get("/")
def home():
    return "ok"


@app.get("/slow")
def slow():
    save("begun")
    time.sleep(1)
    save("slow")
    return "ok"
