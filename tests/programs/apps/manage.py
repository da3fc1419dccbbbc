"""A Django project of one file: `python manage.py runserver`."""

import os
import sys

from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

SECRET_KEY = "not one"
DEBUG = True
ALLOWED_HOSTS: list[str] = []
ROOT_URLCONF = "manage"
urlpatterns = [path("", lambda _request: HttpResponse("ok"))]

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "manage"
    execute_from_command_line(sys.argv)
