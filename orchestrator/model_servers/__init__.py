"""Model servers behind one small interface: picture in, JSON answer out, their errors translated."""
