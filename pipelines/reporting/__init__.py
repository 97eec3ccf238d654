"""Figures, tables, claims and the report's page, from values that metrics files hold."""
