"use strict";

// Swagger UI over this gateway's document. It contacts no other server: its online validator is off.
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
