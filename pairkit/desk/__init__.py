"""Orders of the next session: books of pairs, the sheet of an evening, its journal, and contract symbols of trading programs.

A sheet is a pure function of runs, the contracts of the next session and quotes. Nothing here sends an order.
"""
