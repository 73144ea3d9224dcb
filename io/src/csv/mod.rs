mod decode;
mod encode;
mod records;
