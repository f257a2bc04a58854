# One image for every process of the product; compose.yaml shows which there are.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt
COPY . .
RUN /venv/bin/pybabel -q compile -d locale -D django
RUN if [ -f frontend/package.json ]; then \
      cd frontend && export PATH="/venv/bin:$PATH" && npm ci --no-audit --no-fund && npm run build && rm -rf node_modules; \
    fi

FROM python:3.11-slim
RUN useradd --system --create-home cdp && mkdir /data && chown cdp /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER cdp
ENV PATH="/venv/bin:$PATH" PYTHONPATH=/app PYTHONUNBUFFERED=1 CDP_DATA_DIR=/data
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["python", "manage.py"]
CMD ["up", "--host", "0.0.0.0"]
