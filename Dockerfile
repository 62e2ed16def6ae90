# Bluffcheck for a team: one image serves pages, works, or both. See compose.yaml.
FROM python:3.13-slim

RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never

# What changes rarely comes first, so that a new version need not install everything again.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra team
COPY app ./app
COPY templates ./templates
COPY static ./static
COPY migrations ./migrations

RUN useradd --create-home bluffcheck && mkdir /data && chown bluffcheck /data
USER bluffcheck
ENV PATH="/app/.venv/bin:$PATH" BLUFFCHECK_DATA_DIR=/data BLUFFCHECK_LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
