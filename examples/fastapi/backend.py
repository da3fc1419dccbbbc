"""A backend that an Electron app starts: ``backend.py --port PORT``."""

import argparse

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

app = FastAPI()
# A page that was loaded from a file has the origin file:// or null.
app.add_middleware(CORSMiddleware, allow_origins=["file://", "null"])


@app.get("/health")
def health() -> dict[str, str]:
    """For the sidecar's health checks."""
    return {"status": "healthy"}


@app.get("/hello")
def hello() -> dict[str, str]:
    """For the page."""
    return {"hello": "FastAPI"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port)
