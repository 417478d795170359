# Serving only: no torch, no pykeen. Build the wheel in one stage, keep the result in another.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/kgtag
COPY pyproject.toml constraints.txt README.md ./
COPY migrations migrations
COPY graph graph
COPY kgtag kgtag
COPY api api
RUN --mount=type=cache,target=/root/.cache/pip /opt/kgtag/bin/pip install -c constraints.txt .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="kgtag"
RUN useradd --system --uid 10001 --home-dir /data --create-home kgtag
COPY --from=build /opt/kgtag /opt/kgtag
ENV PATH=/opt/kgtag/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    KGTAG_MODEL=/model \
    KGTAG_STORE=sqlite:////data/kgtag.db
WORKDIR /data
USER kgtag
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["kgtag", "serve", "--host", "0.0.0.0", "--port", "8000"]
