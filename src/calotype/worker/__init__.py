"""The door for jobs: get an id, call one service."""
