"""The home page: what this is, the published workflows, and how to use them."""

from __future__ import annotations

from flask import Blueprint, render_template

from contracts.workflows.catalogue import Catalogue


def blueprint(catalogue: Catalogue) -> Blueprint:
    pages = Blueprint("pages", __name__, template_folder="templates")

    @pages.get("/")
    def home() -> str:
        return render_template("home.html", workflows=[catalogue.shown(name) for name in catalogue.names])

    return pages
