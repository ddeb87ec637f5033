"""Passwords that cost nothing to check, in the form that the real product reads too."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class FastPasswords(PBKDF2PasswordHasher):
    iterations = 1
