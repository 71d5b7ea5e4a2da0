# The commands of the README, nothing else.
FROM python:3.11-slim
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /opisalka
COPY . .
RUN make venv
ENTRYPOINT [".venv/bin/opisalka"]
CMD ["--help"]
