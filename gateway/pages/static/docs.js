"use strict";

// Swagger UI over our own document. Nothing is asked of anybody else: its online validator is switched off.
const place = document.getElementById("api");

window.ui = SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
});
